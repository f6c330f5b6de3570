"""A run under the warden ends on time and with the right code, whatever its steps hang in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import pytest

from framework0.runner import warden

PATIENCE = 300
"""Seconds for what takes one, on a machine however busy."""

HEAD = """
import os, signal, sys, threading, time
from framework0.runner.warden import guarded, responsible_pid
from framework0.runner.signals import Signals, exit_code_for

def up():
    sys.stdout.write("up\\n")
    sys.stdout.flush()

def wait_for_signal():
    heard = threading.Event()
    with Signals(lambda name: heard.set(), lambda: os._exit(9)) as signals:
        heard.wait()
    return exit_code_for(signals.received)

def beside(stuck, daemon=True):
    def thread():
        up()
        stuck()
    threading.Thread(target=thread, daemon=daemon).start()
    return wait_for_signal()

def alone(stuck):
    with Signals(lambda name: None, lambda: None):
        up()
        stuck()
"""
LOOP = "def stuck():\n    while True: time.sleep(.1)\n"
REGEX = "import re\ndef stuck(): re.match(r'(a|a)*$', 'a' * 40 + 'b')\n"
CALL = "def stuck(): sum(range(10**12))\n"
BIGNUM = "def stuck(): pow(3, 7**4000000)\n"
C_FREE = "import ctypes\ndef stuck(): ctypes.CDLL(None).sleep(600)\n"
# Locking a mutex twice, where a sleep would end at the first signal.
C_HELD = """
import ctypes
def stuck():
    mutex = ctypes.create_string_buffer(64)
    lock = ctypes.PyDLL(None).pthread_mutex_lock
    lock(mutex); lock(mutex)
"""
LOCK = "def stuck():\n    lock = threading.Lock(); lock.acquire(); lock.acquire()\n"
SWALLOW = """
def stuck():
    while True:
        try: time.sleep(9)
        except BaseException: continue
"""
POOL = """
from concurrent.futures import ThreadPoolExecutor
def main():
    pool = ThreadPoolExecutor(); pool.submit(lambda: (up(), stuck()))
    return wait_for_signal()
"""
TO_THREAD = """
import asyncio
def main():
    async def work():
        await asyncio.wait_for(asyncio.to_thread(lambda: (up(), stuck())), 0.05)
    try: asyncio.run(work())
    except TimeoutError: pass
    return wait_for_signal()
"""
PROCESS_POOL = """
from concurrent.futures import ProcessPoolExecutor
def inside():
    up(); stuck()
def main():
    pool = ProcessPoolExecutor(1); pool.submit(inside)
    return wait_for_signal()
"""
BESIDE = "def main(): return beside(stuck)\n"
ALONE = "def main(): return alone(stuck)\n"

SHAPES = {
    "thread pool": LOOP + POOL,
    "asyncio.to_thread": LOOP + TO_THREAD,
    "thread that is no daemon": LOOP + "def main(): return beside(stuck, daemon=False)\n",
    "daemon thread": LOOP + BESIDE,
    "thread in a regex": REGEX + BESIDE,
    "thread in sum(range)": CALL + BESIDE,
    "thread in a bignum": BIGNUM + BESIDE,
    "thread in C that holds the interpreter": C_HELD + BESIDE,
    "thread in C that released it": C_FREE + BESIDE,
    "main thread in a regex": REGEX + ALONE,
    "main thread in a bignum": BIGNUM + ALONE,
    "main thread in C that holds the interpreter": C_HELD + ALONE,
    "main thread waits for a lock": LOCK + ALONE,
    "main thread swallows everything": SWALLOW + ALONE,
    "process pool with a stuck child": LOOP + PROCESS_POOL,
}
GRACE = 0.2
"""Seconds of grace for what is stuck for ever, and computes meanwhile."""

TAIL = "\nsys.exit(guarded(main, {grace}))\n"


def start(body: str, grace: float = 1.0, **options) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HEAD + body + TAIL.format(grace=grace)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(warden.__file__).parents[2],
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
        **options,
    )


def started(body: str, grace: float = 1.0, **options) -> subprocess.Popen[str]:
    process = start(body, grace, **options)
    assert process.stdout.readline() == "up\n", process.communicate()[1]
    return process


def finish(process: subprocess.Popen[str], within: float = PATIENCE) -> tuple[int, str, str]:
    """Wait until every process that holds the pipes is gone, then return code, stdout and stderr."""
    out, err = process.communicate(timeout=within)
    return process.returncode, out, err


def ended_in_time(shape: str, number: signal.Signals) -> tuple[str, str, int, bool]:
    process = started(SHAPES[shape], grace=GRACE)
    begin = monotonic()
    process.send_signal(number)
    code, _, _ = finish(process)
    return shape, number.name, code, monotonic() - begin < PATIENCE


@pytest.mark.slow
def test_fifteen_stuck_shapes_end_in_time_with_the_signals_code(unmeasured):
    cases = [(shape, number) for shape in SHAPES for number in (signal.SIGINT, signal.SIGTERM)]
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda case: ended_in_time(*case), cases))
    codes = {signal.SIGINT: 130, signal.SIGTERM: 143}
    assert outcomes == [(shape, number.name, codes[number], True) for shape, number in cases]


def test_the_code_of_main_is_passed_on():
    assert finish(start("def main(): return 7"))[0] == 7


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ("def main(): sys.exit(5)", 5, ""),
        ("def main(): sys.exit()", 0, ""),
        ("def main(): pass", 0, ""),
        ("def main(): sys.exit('no such thing')", 1, "no such thing"),
        ("def main(): raise KeyboardInterrupt", 130, ""),
        ("def main(): 1 / 0", 1, "ZeroDivisionError"),
        ("def main(): os.kill(os.getpid(), signal.SIGKILL)", 137, "was killed by SIGKILL (often"),
        ("def main(): os.kill(os.getpid(), signal.SIGSEGV)", 139, "was killed by SIGSEGV"),
        ("def main(): os.kill(os.getpid(), 40)", 168, "was killed by signal 40"),
        ("def main(): sys.stdout.close(); return 3", 3, ""),
        ("def main(): os.close(1); print('lost'); return 0", 1, "could not write all output"),
    ],
)
def test_however_main_ends_the_code_and_a_sentence_say_so(body, code, says):
    result = finish(start(body))
    assert result[0] == code
    assert says in result[2]
    if "was killed" in says:
        assert "framework0 resume" in result[2]


def test_output_before_the_fork_appears_once_and_exit_functions_run():
    body = "import atexit\ndef main():\n    atexit.register(print, 'bye'); print('in'); return 0\nsys.stdout.write('before\\n')"
    assert finish(start(body)) == (0, "before\nin\nbye\n", "")


def test_a_reader_that_went_away_is_no_error():
    process = start(
        "def main():\n    sys.stdin.read(); print('x'); return 4", stdin=subprocess.PIPE
    )
    process.stdout.close()
    process.stdin.close()
    with process.stderr as errors:
        assert process.wait(PATIENCE) == 4
        assert errors.read() == ""


def test_a_second_signal_ends_it_at_once():
    body = SWALLOW + """
def main():
    with Signals(lambda name: os.write(1, b"first\\n"), lambda: os.write(1, b"second\\n")):
        up()
        stuck()
"""
    # It has a third of a second for its second word, which a busy machine may spend on others.
    until = monotonic() + PATIENCE
    while not is_ended_by_the_second(body):
        assert monotonic() < until


def is_ended_by_the_second(body):
    """Send signals until it ends; return whether it had time to say that it heard of the second."""
    process = started(body, grace=600.0)
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "first\n"
    begin = monotonic()
    # The same signal again at once is what `timeout` and service managers send: it counts as one.
    process.send_signal(signal.SIGTERM)
    while process.poll() is None and monotonic() - begin < PATIENCE:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(warden.SAME_SIGNAL)
        except subprocess.TimeoutExpired:
            continue
    code, out, _ = finish(process)
    assert code == 143
    assert warden.SAME_SIGNAL < monotonic() - begin < PATIENCE
    return "second\n" in out


def test_a_signal_to_the_whole_group_counts_once():
    body = "def main(): up(); return wait_for_signal()"
    process = started(body, grace=30.0, start_new_session=True)
    os.killpg(process.pid, signal.SIGHUP)
    assert finish(process)[0] == 143


def test_an_ignored_signal_stays_ignored():
    body = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
def main():
    with Signals(lambda name: None, lambda: None):
        up()
        os.kill(os.getppid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
    return 3
"""
    assert finish(started(body))[0] == 3


def test_the_run_knows_whom_to_signal():
    body = "def main(): print(os.getppid() == responsible_pid()); return 0\nassert responsible_pid() == os.getpid()"
    assert finish(start(body))[1] == "True\n"


def test_without_a_fork_main_runs_here(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert warden.guarded(os.getpid, 1.0) == os.getpid()
    assert warden.responsible_pid() == os.getpid()


def test_beside_other_threads_main_runs_here():
    body = """
lock = threading.Lock(); lock.acquire()
threading.Thread(target=lock.acquire, daemon=True).start()
before = os.getpid()
def main(): return 3 if os.getpid() == before else 4
"""
    assert finish(start(body))[0] == 3


DAEMON = """
import subprocess
def leave_daemon():
    # A double fork in a session of its own, deaf to SIGTERM, holding our stdout.
    program = '''
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.setsid()
if os.fork(): os._exit(0)
print("left", flush=True)
while True: time.sleep(60)
'''
    subprocess.Popen([sys.executable, "-c", program])
"""


@pytest.mark.slow
def test_what_a_finished_run_left_behind_is_ended_too():
    body = DAEMON + "def main(): leave_daemon(); up(); time.sleep(0); return 0"
    # It holds our pipe, whose end is waited for.
    assert finish(started(body))[0] == 0


@pytest.mark.slow
def test_what_a_killed_run_left_behind_is_ended_at_once():
    body = DAEMON + "def main(): leave_daemon(); print(os.getpid(), flush=True); time.sleep(60)"
    process = start(body)
    lines = sorted([process.stdout.readline().strip(), process.stdout.readline().strip()])
    assert lines[1] == "left"
    os.kill(int(lines[0]), signal.SIGKILL)
    code, _, err = finish(process)
    assert code == 137
    assert "was killed by SIGKILL" in err


def test_the_run_dies_with_a_killed_warden():
    process = started("def main(): up(); time.sleep(600)")
    process.kill()
    # Both pipes reach their end only when the run itself is gone.
    assert finish(process)[0] == -signal.SIGKILL


def test_children_from_before_are_none_of_its_business():
    body = """
import subprocess
bystander = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
def main(): return 0
code = guarded(main, 1.0)
assert bystander.poll() is None
assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
bystander.kill(); bystander.wait()
print("spared", code)
"""
    assert finish(start(body))[1] == "spared 0\n"


SHELL = """
import os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpgrp())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.executable, [sys.executable, sys.argv[1]])
_, status = os.waitpid(child, os.WUNTRACED)
print("stopped", os.WIFSTOPPED(status), flush=True)
os.killpg(child, signal.SIGCONT)
_, status = os.waitpid(child, 0)
print("code", os.waitstatus_to_exitcode(status), flush=True)
"""


@pytest.mark.slow
def test_at_a_terminal_suspending_works_and_the_interrupt_key_counts_once(tmp_path):
    import pty

    script = tmp_path / "guarded.py"
    body = "def main(): up(); return wait_for_signal()"
    script.write_text(HEAD + body + TAIL.format(grace=30.0))
    folder = str(Path(warden.__file__).parents[2])
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["PYTHONPATH"] = folder
        os.execv(sys.executable, [sys.executable, "-c", SHELL, str(script)])
    read_until(terminal, b"up")
    os.write(terminal, b"\x1a")
    assert b"stopped True" in read_until(terminal, b"stopped")
    # The kernel hands the key's signal to warden and run alike: a second one would be "at once", code 9.
    os.write(terminal, b"\x03")
    assert b"code 130" in read_until(terminal, b"code")
    os.close(terminal)
    os.waitpid(pid, 0)


def read_until(terminal: int, word: bytes) -> bytes:
    """Read to the end of the line in which ``word`` stands."""
    seen = b""
    while b"\n" not in seen.partition(word)[2]:
        seen += os.read(terminal, 1024)
    return seen
