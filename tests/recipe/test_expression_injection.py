"""Two hundred ways to smuggle code into a template: each is literal text or a located error."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys

import pytest

from framework0.errors import ExpressionError
from framework0.recipe.expressions import Scope, compile_expression
from framework0.recipe.templates import render

PYTHON = """
__import__('os').system('touch MARK')
__import__("os").popen("touch MARK").read()
__import__('subprocess').run(['touch', 'MARK'])
__builtins__
__builtins__['eval']
__builtins__.eval('1')
__builtins__["__import__"]("os")
__file__
__name__
__doc__
__spec__
__loader__
globals()
locals()
vars()
dir()
dir(inputs)
vars(inputs)
open('MARK', 'w')
open('/etc/passwd').read()
eval('1')
eval("__import__('os')")
exec('x = 1')
exec("open('MARK', 'w')")
compile('1', 'x', 'eval')
getattr(inputs, 'x')
getattr('', '__class__')
setattr(inputs, 'x', 1)
delattr(inputs, 'x')
hasattr(inputs, 'x')
type(inputs)
type('a', (), {})
object()
object.__subclasses__()
super()
super().__init__()
breakpoint()
input()
print('x')
help()
exit()
quit()
memoryview(b'')
bytes(10)
bytearray(99999999999)
range(99999999999)
list(range(10))
map(str, [1])
filter(None, [1])
zip([1], [2])
iter([1])
next(iter([1]))
repr(inputs)
format(inputs)
hash('x')
id(inputs)
chr(65)
ord('a')
hex(1)
callable(len)
isinstance(1, int)
pow(9, 999999999)
abs(-1)
divmod(1, 0)
slice(1)
property()
classmethod(len)
staticmethod(len)
''.__class__
''.__class__.__mro__
''.__class__.__mro__[1].__subclasses__()
''.__class__.__base__.__subclasses__()
"".__class__.__mro__[2].__subclasses__()[40]('/etc/passwd').read()
[].__class__
[].__class__.__base__
().__class__.__bases__[0].__subclasses__()
{}.__class__
{}.__class__.__bases__[0]
(1).__class__
1 .__class__
1.0.__class__
true.__class__
null.__class__
inputs.__class__
inputs.__class__.__init__.__globals__
inputs.__dict__
inputs.__getitem__('text')
inputs.__init__.__globals__['os']
inputs['__class__']
inputs["__class__"]["__mro__"]
inputs.text.__class__
inputs.text['__class__']
inputs.text.format(1)
inputs.text.join([])
inputs.text.encode()
inputs.items()
inputs.keys()
inputs.pop('text')
inputs.update({})
inputs.clear()
context.__class__
context.set('a', 1)
context.delete('a')
context.clear()
context.get.__func__
context.get.__self__
context.get.__globals__
context.get('a').__class__
context.get('data').__class__
context.get
context.keys()
context.subscribe('*', print)
context['__class__']
steps.__class__
steps.load.__class__
steps.load.result.__class__
steps.load.result.__reduce__()
steps.load.result.system('touch MARK')
steps.load.result['system']('touch MARK')
steps.load.result.path
steps.load.result.environ
steps.load.result.environ.HOME
steps.load.result.modules
env.__class__
env.PATH
env['PATH']
env.get('PATH')
env.HOME.__class__
run.__class__
run.id.__class__
item.__class__
index.__class__
len.__class__
len.__globals__
len.__self__
len.__call__('a')
str.__class__
str.__mro__
str.format('{0.__class__}', 1)
str.join
str(1).__class__
str(len)
int.__subclasses__()
int('1').__class__
int.from_bytes('a')
default.__class__
default(__import__('os'), 1)
default(inputs.__class__, eval('1'))
always.__globals__
always().__class__
sorted.__self__
sorted([len])
sorted([1], key=len)
max([1], key=__import__)
sum([[1], [2]], [])
(lambda: 1)()
lambda: __import__('os')
[x for x in ().__class__.__base__.__subclasses__()]
[c for c in [1]]
{x: x for x in [1]}
{x for x in [1]}
(x for x in [1])
[*inputs]
{**inputs}
print(*inputs)
len(**inputs)
(a := 1)
a = __import__('os')
import os
from os import system
del inputs
assert False
raise inputs
yield 1
await inputs
async def f(): pass
def f(): pass
class A: pass
global inputs
return 1
while true: pass
with inputs: pass
try: 1
pass
f'{inputs}'
f"{__import__('os').system('touch MARK')}"
r'{x}'.format(x=1)
b'abc'
u'abc'.format
'{0.__class__}'.format(1)
'{.__init__.__globals__}'.format(inputs)
'%s' % inputs
'%(a)s' % inputs
'a' 'b'
inputs if
`id`
$(id)
${inputs.text}
@inputs
inputs!r
inputs:>10
~1
1 << 99999
1 >> 1
1 ^ 1
9 ** 9 ** 9 ** 9
1 @ 2
1 <> 2
inputs->text
inputs::text
inputs?.text
inputs ?? 1
inputs\\.text
1; import os
1\\n__import__('os')
#{7*7}
<%= 7*7 %>
*{7*7}
@(7*7)
${jndi:ldap://127.0.0.1/a}
""".strip().splitlines()

# Valid here, and harmless: they only name keys, which are not there or are plain data.
FOREIGN = """
{{7*7}}
{{ 7 * '7' }}
{{ config }}
{{ self.__class__ }}
{{ ''.__class__.__mro__[1].__subclasses__() }}
{{ request.application.__globals__ }}
{{ cycler.__init__.__globals__.os.popen('touch MARK').read() }}
{{ lipsum.__globals__['os'].system('touch MARK') }}
{% import os %}
{% for x in ().__class__.__base__.__subclasses__() %}x{% endfor %}
{% include '/etc/passwd' %}
{# comment #}
${7*7}
${T(java.lang.Runtime).getRuntime().exec('touch MARK')}
${jndi:ldap://127.0.0.1/a}
#{7*7}
<%= `touch MARK` %>
<% system('touch MARK') %>
<?php system('touch MARK'); ?>
%{7*7}
@{7*7}
*{7*7}
~{7*7}
[[${7*7}]]
[=7*7]
$(touch MARK)
`touch MARK`
; touch MARK
| touch MARK
&& touch MARK
|| touch MARK
\\n touch MARK
> MARK
$((7*7))
$HOME
${HOME}
%HOME%
!touch MARK
%s%s%s%n
%(inputs)s
{0}
{inputs}
{0.__class__.__init__.__globals__}
{inputs.__class__}
../../../../etc/passwd
file:///etc/passwd
!!python/object/apply:os.system ['touch MARK']
<script>alert(1)</script>
' OR 1=1 --
"; DROP TABLE steps; --
$ {{ inputs.text }}
$\u200b{{ inputs.text }}
\uff04{{ inputs.text }}
}} ${ inputs.text
""".strip().splitlines()


@pytest.fixture
def guarded(tmp_path, monkeypatch):
    """A folder to leave marks in, and alarms on what an injection would call."""
    monkeypatch.chdir(tmp_path)

    def alarm(*_args, **_kwargs):
        raise AssertionError("an expression reached Python")

    for owner, name in [
        (os, "system"),
        (os, "popen"),
        (subprocess, "run"),
        (builtins, "breakpoint"),
    ]:
        monkeypatch.setattr(owner, name, alarm)
    monkeypatch.setattr(builtins, "eval", alarm)
    monkeypatch.setattr(builtins, "exec", alarm)
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def scope():
    return Scope(
        inputs={"text": "plain"},
        context={"data": {"a": 1}},
        steps={"load": {"result": os, "state": "succeeded"}},
        env={"HOME": "/home"},
        run={"id": "r"},
        item=sys,
        index=0,
    )


def test_there_are_two_hundred_and_more():
    assert len({*PYTHON, *FOREIGN}) >= 200
    assert len(set(PYTHON)) == len(PYTHON)


@pytest.mark.parametrize("text", PYTHON)
def test_an_injected_expression_is_a_located_error(text, guarded, scope):
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text).evaluate(scope)
    assert 0 <= caught.value.offset <= len(text)
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize("text", PYTHON)
def test_an_injected_template_is_a_located_error(text, guarded, scope):
    with pytest.raises(ExpressionError) as caught:
        render({"command": f"echo ${{{{ {text} }}}}"}, scope)
    assert 0 <= caught.value.offset <= len(text) + 12


def test_outside_of_a_template_it_is_literal_text(guarded, scope):
    for text in (*PYTHON, *FOREIGN):
        assert render(text, scope) == text
        assert render({"a": [text]}, scope) == {"a": [text]}


def test_as_a_value_it_stays_what_it_is(guarded):
    for text in (*PYTHON, *FOREIGN, "${{ env.HOME }}"):
        scope = Scope(inputs={"text": text}, context={"k": text})
        assert render("${{ inputs.text }}", scope) == text
        assert render("<${{ inputs.text }}>", scope) == f"<{text}>"
        assert render("${{ context.k }}", scope) == text
