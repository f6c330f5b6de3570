from __future__ import annotations

import pytest

from framework0.errors import ExpressionError, RefusedError, UsageError


@pytest.fixture
def page(space):
    def write(text):
        (space / "page.txt").write_bytes(text.encode())
        return "page.txt"

    return write


def test_a_template_is_filled_in(do, page, context):
    context.set("total", 7)
    text = (
        "Dear ${{ inputs.name }},\n${{ context['total'] }}\n$${{ literal }}\nend ${{ inputs.list }}"
    )
    found = do("template", path=page(text), inputs={"name": "Ada", "list": [1, "x"]})
    assert found == {"text": 'Dear Ada,\n7\n${{ literal }}\nend [1,"x"]'}


def test_it_is_filled_in_once_for_each_item_and_written(do, page, space):
    path = page("${{ index }}: ${{ item.name }} of ${{ inputs.shop }}\n")
    found = do(
        "template",
        path=path,
        to="out/list.txt",
        each=[{"name": "a"}, {"name": "b"}],
        join="--\n",
        inputs={"shop": "s"},
    )
    assert (space / "out/list.txt").read_text() == "0: a of s\n--\n1: b of s\n"
    assert found == {"path": "out/list.txt", "bytes": 23}


def test_what_is_filled_in_is_never_looked_through_again(do, page, context):
    context.set("secret", "hush")
    found = do("template", path=page("${{ inputs.x }}"), inputs={"x": "${{ context['secret'] }}"})
    assert found["text"] == "${{ context['secret'] }}"


def test_texts_cannot_become_markup_where_that_is_wanted(do, page, context):
    context.set("from", "<b>")
    text = (
        "${{ inputs.a }} ${{ item }} ${{ context['from'] }} ${{ inputs.list[0].x }} ${{ inputs.n }}"
    )
    inputs = {"a": "<i>", "list": [{"x": "\"'&"}], "n": 3}
    found = do("template", path=page(text), escape="html", each=["<u>"], inputs=inputs)
    assert found["text"] == "&lt;i&gt; &lt;u&gt; &lt;b&gt; &quot;&#x27;&amp; 3"


def test_a_mistake_in_a_template_is_located(do, page):
    with pytest.raises(ExpressionError, match=r"page\.txt:2:\d+: .*") as told:
        do("template", path=page("a\nb ${{ inputs.nmae }}\n"), inputs={"name": 1})
    assert "did you mean `name`" in str(told.value)
    with pytest.raises(ExpressionError, match=r"page\.txt:1:"):
        do("template", path=page("${{ inputs."))
    with pytest.raises(ExpressionError, match=r"page\.txt:1:"):
        do("template", path=page("${{ 'x' * 1000000000 }}"))


def test_bounds_and_encodings(do, page, space):
    with pytest.raises(UsageError, match="it is no template"):
        do("template", path=page("x" * 1_048_577))
    (space / "page.txt").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="is no utf-8"):
        do("template", path="page.txt")
    do("template", path="page.txt", encoding="latin-1", to="b.txt")
    assert (space / "b.txt").read_bytes() == b"\xff"
    with pytest.raises(RefusedError):
        do("template", path=page("x"), to="../outside.txt")
    with pytest.raises(FileExistsError):
        do("template", path="page.txt", to="b.txt", overwrite=False)
    with pytest.raises(UsageError, match="more than 67,108,864"):
        do("template", path=page("x" * 1_000_000), each=list(range(70)))
