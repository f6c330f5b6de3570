#!/bin/sh
# A client of the context server that needs nothing but sh and curl.
# Everything it does is one HTTP request; docs/how-to/connect-to-a-context.md tells about the server.

set -u
# Keys are encoded byte by byte.
LC_ALL=C
export LC_ALL

NEWLINE='
'
TAB=$(printf '\t')

# What a script can tell apart.
ABSENT=1 USAGE=2 CONFLICT=3 NOT_ALLOWED=4 REFUSED=5 SERVER_TROUBLE=6 UNREACHABLE=7

help() {
    cat <<'END'
usage: context.sh COMMAND [ARGUMENT…]

  set KEY VALUE [--ttl SECONDS] [--expect VERSION] [--text]
                       set a key; VALUE is JSON, or text when it does not look like JSON; - reads
                       JSON from standard input; prints the version
  get KEY [--at VERSION] [--text]
                       print a value as JSON, or a text without its quotes
  delete KEY [--expect VERSION]
                       remove a key
  list [PATTERN]       print the keys, one a line; * is one part of a key, ** is anything
  history [KEY] [--since VERSION]
                       print what happened, as JSON, oldest first
  status               print what the server and the context are, as JSON
  watch [PATTERN] [--since VERSION]
                       print each change as a line of JSON, through cuts, until it is interrupted
  monitor [PATTERN]    the same for people
  export [PATTERN]     print everything there is as lines of JSON
  help                 this text

environment:
  CONTEXT_SERVER_URL        where the server is (http://localhost:8765)
  CONTEXT_SERVER_NAMESPACE  which context (default)
  CONTEXT_SERVER_CA         a file with the authorities to believe, for https
  FRAMEWORK0_CONTEXT_TOKEN  the token; without it, that of your own server on this machine

exit codes:
  0 well · 1 there is no such key · 2 wrong use · 3 the key is at another version · 4 not allowed
  5 refused · 6 the server has trouble · 7 it cannot be reached
END
}

fail() {
    code=$1
    shift
    printf 'context.sh: %s\n' "$*" >&2
    exit "$code"
}

# Text as part of an address: print $1 with every byte but letters, digits and -._~ as %XX.
encoded() {
    rest=$1
    while [ -n "$rest" ]; do
        plain=${rest%%[!A-Za-z0-9._~-]*}
        if [ -n "$plain" ]; then
            printf '%s' "$plain"
            rest=${rest#"$plain"}
            continue
        fi
        tail=${rest#?}
        byte=$(printf '%d' "'${rest%"$tail"}")
        # Some shells take a byte for a signed number.
        [ "$byte" -ge 0 ] || byte=$((byte + 256))
        printf '%%%02X' "$byte"
        rest=$tail
    done
}

# Text as JSON: print $1 in quotes, with what must be escaped escaped.
quoted() {
    rest=$1
    printf '"'
    while [ -n "$rest" ]; do
        plain=${rest%%[\"\\[:cntrl:]]*}
        if [ -n "$plain" ]; then
            printf '%s' "$plain"
            rest=${rest#"$plain"}
            continue
        fi
        tail=${rest#?}
        case ${rest%"$tail"} in
            \") printf '\\"' ;;
            \\) printf '%s' "\\\\" ;;
            "$NEWLINE") printf '\\n' ;;
            "$TAB") printf '\\t' ;;
            *) printf '\\u%04x' "'${rest%"$tail"}" ;;
        esac
        rest=$tail
    done
    printf '"'
}

# JSON text as text: print $1, which has no quotes around it, without its escapes.
unquoted() {
    rest=$1
    while [ -n "$rest" ]; do
        plain=${rest%%\\*}
        printf '%s' "$plain"
        rest=${rest#"$plain"}
        case $rest in
            '') ;;
            \\n*) printf '\n' ;;
            \\t*) printf '\t' ;;
            \\r*) printf '\r' ;;
            \\b*) printf '\b' ;;
            \\f*) printf '\f' ;;
            \\u00[0-9a-fA-F][0-9a-fA-F]*)
                digits=${rest#\\u00}
                digits=${digits%"${digits#??}"}
                # The format is made of digits that were just checked.
                # shellcheck disable=SC2059
                printf "\\$(printf '%03o' "0x$digits")"
                rest=${rest#????}
                ;;
            *)
                tail=${rest#??}
                letter=${rest%"$tail"}
                printf '%s' "${letter#\\}"
                ;;
        esac
        rest=${rest#??}
    done
}

# Settle where the server is, and with what it is entered.
prepare() {
    command -v curl >/dev/null 2>&1 || fail "$UNREACHABLE" "curl is not installed"
    base=${CONTEXT_SERVER_URL:-http://localhost:8765}
    case $base in
        ws://*) base=http://${base#ws://} ;;
        wss://*) base=https://${base#wss://} ;;
        http://* | https://*) ;;
        *) fail "$USAGE" "CONTEXT_SERVER_URL is http://host:port or https://host:port, not $base" ;;
    esac
    base=${base%/}
    context=$base/v1/contexts/$(encoded "${CONTEXT_SERVER_NAMESPACE:-default}")
    token=${FRAMEWORK0_CONTEXT_TOKEN:-}
    [ -n "$token" ] || own_token
    case $token in
        *[!A-Za-z0-9._~+/=-]*) fail "$USAGE" "FRAMEWORK0_CONTEXT_TOKEN is no token" ;;
    esac
}

# A server of this user on this machine leaves its token where only this user can read it.
own_token() {
    host=${base#*://}
    case $host in
        localhost | localhost:* | 127.0.0.1 | 127.0.0.1:* | '[::1]' | '[::1]:'*) ;;
        *) return 0 ;;
    esac
    port=${host##*:}
    case $port in
        '' | *[!0-9]*) port=8765 ;;
    esac
    state=${XDG_STATE_HOME:-}
    case $state in
        /*) ;;
        *) state=${HOME:-}/.local/state ;;
    esac
    file=$state/framework0/servers/$port.token
    if [ -r "$file" ]; then
        read -r token <"$file" || :
    fi
}

# curl with the token: it stands in no list of arguments that others can see. Standard input is the
# body, where there is one.
ask() {
    if [ -n "${CONTEXT_SERVER_CA:-}" ]; then
        set -- --cacert "$CONTEXT_SERVER_CA" "$@"
    fi
    if [ -n "$token" ]; then
        curl --silent --path-as-is --config /dev/fd/3 "$@" 3<<END
header = "Authorization: Bearer $token"
END
    else
        curl --silent --path-as-is "$@"
    fi
}

# Do one request and leave its answer in $body, or end with what is wrong.
request() {
    answer=$(ask --max-time 30 --write-out '\n%{http_code}' "$@") || unreachable "$?"
    status=${answer##*"$NEWLINE"}
    body=${answer%"$NEWLINE"*}
    judge "$status" "$body"
}

unreachable() {
    fail "$UNREACHABLE" "no answer from $base (curl ended with $1)"
}

# End with the words and the exit code of an answer that is none.
judge() {
    case $1 in
        2??) return 0 ;;
    esac
    words=$2
    case $words in
        *'"detail":"'*)
            words=${words#*\"detail\":\"}
            words=$(unquoted "${words%%\",\"*}")
            words=${words%\"\}}
            ;;
        *) words="the server answered $1" ;;
    esac
    case $1 in
        401 | 403) fail "$NOT_ALLOWED" "$words" ;;
        404) fail "$ABSENT" "$words" ;;
        409 | 412) fail "$CONFLICT" "$words" ;;
        000) unreachable 0 ;;
        5??) fail "$SERVER_TROUBLE" "$words" ;;
        *) fail "$REFUSED" "$words" ;;
    esac
}

# Options of a command: leave what is no option in $one and $two, and the options in variables.
arguments() {
    one='' two='' given=0 ttl='' expect='' at='' since='' text=''
    allowed=$1 most=$2
    shift 2
    while [ $# -gt 0 ]; do
        case $1 in
            --ttl | --expect | --at | --since | --text)
                case " $allowed " in
                    *" $1 "*) ;;
                    *) fail "$USAGE" "$command takes no $1" ;;
                esac
                ;;
        esac
        case $1 in
            --text) text=yes ;;
            --ttl | --expect | --at | --since)
                [ $# -ge 2 ] || fail "$USAGE" "$1 needs a number"
                case $2 in
                    '' | *[!0-9.]*) fail "$USAGE" "$1 needs a number, not '$2'" ;;
                esac
                case $1 in
                    --ttl) ttl=$2 ;;
                    --expect) expect=$2 ;;
                    --at) at=$2 ;;
                    --since) since=$2 ;;
                esac
                shift
                ;;
            --*) fail "$USAGE" "there is no option $1; see: context.sh help" ;;
            *)
                given=$((given + 1))
                [ "$given" -le "$most" ] || fail "$USAGE" "$command takes no further '$1'"
                if [ "$given" -eq 1 ]; then one=$1; else two=$1; fi
                ;;
        esac
        shift
    done
}

needs_key() {
    [ -n "$one" ] || fail "$USAGE" "$command needs a key; see: context.sh help"
    path=$context/keys/$(encoded "$one")
}

# Add $1=$2 to the query of $path, when there is a value.
ask_for() {
    [ -n "$2" ] || return 0
    case $path in
        *\?*) path="$path&$1=$(encoded "$2")" ;;
        *) path="$path?$1=$(encoded "$2")" ;;
    esac
}

set_key() {
    arguments "--ttl --expect --text" 2 "$@"
    needs_key
    [ "$given" -eq 2 ] || fail "$USAGE" "set needs a key and a value"
    ask_for ttl "$ttl"
    ask_for expect_version "$expect"
    send_put() {
        ask --max-time 30 --write-out '\n%{http_code}' --request PUT --data-binary @- \
            --header 'Content-Type: application/json' "$path"
    }
    if [ "$two" = - ] && [ -z "$text" ]; then
        answer=$(send_put) || unreachable "$?"
    else
        case $text$two in
            yes*) value=$(quoted "$two") ;;
            [\{\[\"0-9-]* | true | false | null) value=$two ;;
            *) value=$(quoted "$two") ;;
        esac
        answer=$(printf '%s' "$value" | send_put) || unreachable "$?"
    fi
    status=${answer##*"$NEWLINE"}
    body=${answer%"$NEWLINE"*}
    judge "$status" "$body"
    version=${body#*\"version\":}
    printf '%s\n' "${version%%[!0-9]*}"
}

get_key() {
    arguments "--at --text" 1 "$@"
    needs_key
    ask_for version "$at"
    request "$path"
    case $text$body in
        yes\"*)
            body=${body#\"}
            printf '%s\n' "$(unquoted "${body%\"}")"
            ;;
        *) printf '%s\n' "$body" ;;
    esac
}

delete_key() {
    arguments "--expect" 1 "$@"
    needs_key
    ask_for expect_version "$expect"
    request --request DELETE "$path"
    case $body in
        *'"removed":false'*) fail "$ABSENT" "there is no key '$one'" ;;
    esac
}

list_keys() {
    arguments "" 1 "$@"
    after=''
    while :; do
        path=$context/keys
        ask_for pattern "$one"
        ask_for after "$after"
        request "$path"
        keys=$body
        # A quote inside a key has a backslash in front of it, so these can only be the ends of keys.
        while :; do
            case $keys in
                *'{"key":"'*) ;;
                *) break ;;
            esac
            keys=${keys#*\{\"key\":\"}
            after=$(unquoted "${keys%%\",\"version\":*}")
            printf '%s\n' "$after"
        done
        case $body in
            *'"next":null}') return 0 ;;
        esac
    done
}

history_of() {
    arguments "--since" 1 "$@"
    while :; do
        path=$context/history
        ask_for key "$one"
        ask_for since "$since"
        request "$path"
        printf '%s\n' "$body"
        case $body in
            *'"next":null}') return 0 ;;
        esac
        since=${body##*\"next\":}
        since=${since%\}}
    done
}

show_status() {
    arguments "" 0 "$@"
    request "$base/v1/status"
    server=$body
    request "$context"
    printf '{"server":%s,"context":%s}\n' "$server" "$body"
}

# The answer is written as it comes; its status goes another way, so that no error is taken for data.
export_all() {
    arguments "" 1 "$@"
    path=$context/export
    ask_for pattern "$one"
    exec 6>&1
    status=$(ask --fail --write-out '%{stderr}%{http_code}' "$path" 2>&1 >&6) || :
    judge "${status##*"$NEWLINE"}" ''
}

# Read events and have each change shown by $show; leave status, version and words on standard output.
events() {
    status=000 words=''
    while IFS= read -r line; do
        case $line in
            'id: '*) since=${line#id: } ;;
            'data: {"version":'*) $show "${line#data: }" >&6 ;;
            'event: resync') printf 'context.sh: some changes are no longer known\n' >&2 ;;
            'status: '*) status=${line#status: } ;;
            '{'*) words=$line ;;
        esac
    done
    printf '%s %s %s' "$status" "${since:--}" "$words"
}

show_json() {
    printf '%s\n' "$1"
}

# A line for people; the order of the fields is the server's.
show_line() {
    number=${1#*\"version\":}
    key=${1#*\"key\":\"}
    value=${1#*\",\"value\":}
    value=${value%,\"removed\":*}
    who=${1##*\"who\":\"}
    case $1 in
        *'"removed":true'*) value='removed' ;;
    esac
    printf '%s  %s  %s  (%s)\n' "${number%%,*}" "$(unquoted "${key%%\",\"value\":*}")" "$value" \
        "$(unquoted "${who%%\",\"run\":*}")"
}

# Show changes by $show until interrupted; after a cut, go on where it was.
follow() {
    exec 6>&1
    if [ -z "$since" ]; then
        request "$context"
        since=${body#*\"version\":}
        since=${since%%[!0-9]*}
    fi
    heard='' pause=1
    while :; do
        path=$context/events
        ask_for pattern "$one"
        ask_for since "$since"
        found=$(ask --no-buffer --write-out '\nstatus: %{http_code}\n' "$path" | events)
        status=${found%% *}
        found=${found#* }
        case $status in
            200) heard=yes pause=1 ;;
            # A server that was there before may come back.
            000 | 5??) [ -n "$heard" ] || judge "$status" "${found#* }" ;;
            *) judge "$status" "${found#* }" ;;
        esac
        since=${found%% *}
        sleep "$pause"
        [ "$pause" -ge 16 ] || pause=$((pause * 2))
    done
}

main() {
    command=${1:-help}
    [ $# -eq 0 ] || shift
    case $command in
        help | -h | --help)
            help
            return 0
            ;;
        set | get | delete | list | history | status | watch | monitor | export) ;;
        *) fail "$USAGE" "there is no command '$command'; see: context.sh help" ;;
    esac
    prepare
    case $command in
        set) set_key "$@" ;;
        get) get_key "$@" ;;
        delete) delete_key "$@" ;;
        list) list_keys "$@" ;;
        history) history_of "$@" ;;
        status) show_status "$@" ;;
        export) export_all "$@" ;;
        watch)
            arguments "--since" 1 "$@"
            show=show_json
            follow
            ;;
        monitor)
            arguments "" 1 "$@"
            show=show_line
            follow
            ;;
    esac
}

main "$@"
