from __future__ import annotations

import json
import threading

import pytest

from framework0.errors import RefusedError, StepCancelled, StepError, UsageError


def sent(web):
    return json.loads(web.asked[-1][3])


def test_a_webhook_is_told(do, web):
    web.text("/hook", "ok")
    assert do("notify", url=f"{web.url}/hook", message="done", title="T", data={"rows": 3}) == {
        "sent": True
    }
    assert sent(web) == {"rows": 3, "title": "T", "message": "done", "run": "r1"}
    assert web.asked[-1][2]["Idempotency-Key"] == "r1:notify"


def test_slack_and_teams_get_what_they_take(do, web):
    web.text("/hook", "ok")
    do("notify", url=f"{web.url}/hook", shape="slack", message="a < b & c", title="T")
    assert sent(web) == {"text": "*T*\na &lt; b &amp; c"}
    do("notify", url=f"{web.url}/hook", shape="teams", message="done", title="T")
    card = sent(web)["attachments"][0]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert [block["text"] for block in card["content"]["body"]] == ["T", "done"]
    do("notify", url=f"{web.url}/hook", shape="teams", message="done")
    assert len(sent(web)["attachments"][0]["content"]["body"]) == 1


def test_a_message_that_does_not_arrive_fails_the_step_only_if_required(do, web):
    web.text("/services/T0/abcdef", "no_service /services/T0/abcdef", status=404)
    url = f"{web.url}/services/T0/abcdef"
    found = do("notify", url=url, message="x")
    assert found["sent"] is False
    assert "answered 404" in found["error"]
    with pytest.raises(StepError, match="answered 404") as told:
        do("notify", url=url, message="x", required=True)
    assert "abcdef" not in found["error"] + str(told.value)
    with pytest.raises(ConnectionError):
        do("notify", url="http://127.0.0.1:1/secretpath", message="x", required=True)
    assert do("notify", url="http://127.0.0.1:1/secretpath", message="x")["sent"] is False


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")
def test_apprise_tells_any_service(do, web):
    web.text("/told", "ok")
    web.text("/refused", "no", status=500)
    assert (
        do("notify", services=[f"json://{web.host}/told"], message="done", title="T")["sent"]
        is True
    )
    assert sent(web)["message"] == "done"
    assert do("notify", services=[f"json://{web.host}/refused"], message="done")["sent"] is False
    with pytest.raises(StepError, match="not every service"):
        do("notify", services=[f"json://{web.host}/refused"], message="done", required=True)
    with pytest.raises(UsageError, match=r"services\[2\] is no URL") as told:
        do("notify", services=[f"json://{web.host}/told", "nonsense://secret"], message="x")
    assert "secret" not in str(told.value)


def test_params_that_lead_nowhere_fail_whether_or_not_it_is_required(do):
    with pytest.raises(UsageError, match="nobody to tell"):
        do("notify", message="x")
    with pytest.raises(UsageError, match="data means nothing to shape slack"):
        do("notify", message="x", url="http://x/", shape="slack", data={})
    with pytest.raises(RefusedError):
        do("notify", message="x", url="file:///etc/passwd")


@pytest.mark.slow
def test_telling_ends_with_the_step(do, web):
    web.answers["/silent"] = lambda handler: web.stop.wait() and None
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(StepCancelled):
        do("notify", url=f"{web.url}/silent", message="x", stop=stop)
    assert do("notify", url=f"{web.url}/silent", message="x", timeout="50ms")["sent"] is False
