"""What can be read about a job's decisions afterwards."""

from harness import feature, job, plugin, when
from plugin_double import Answer, passes


def adds_label(name, value):
    def answer(call):
        document = call.body["job"]
        document["metadata"].setdefault("labels", {})[name] = value
        return document
    return answer


def test_every_call_and_every_addition(api, plugin_server):
    api.register(feature("gate", plugin("AccessGate", plugin_server.on("/gate", passes))))
    for name in ("one", "two"):
        decorator = plugin("TemplateDecorator", plugin_server.on(f"/{name}", adds_label(name, name)))
        api.register(feature(name, decorator))
    job_id = api.submit(job())
    api.wait_final(job_id)
    told = api.good("GET", f"/v1/job/explain/{job_id}")
    assert "succeeded" in told["summary"] and told["state"] == "succeeded"
    calls = {stage["stage"]: sorted(call["plugin"] for call in stage["calls"])
             for stage in told["stages"]}
    assert calls == {"TemplateTranslator": [], "FactorGenerator": [], "SchedulerBinder": [],
                     "AccessGate": ["AccessGate.gate.qa"],
                     "TemplateDecorator": ["TemplateDecorator.one.qa", "TemplateDecorator.two.qa"]}
    by = {one["path"]: one["plugin"] for one in told["provenance"]}
    # Neither found labels: each is told for the member below.
    assert by["/metadata/labels/one"] == "TemplateDecorator.one.qa"
    assert by["/metadata/labels/two"] == "TemplateDecorator.two.qa"


def test_a_suspension_says_who_holds_it(api, plugin_server):
    answer = {"decision": "suspend", "reason": "no room today"}
    api.register(feature("gate", plugin("AccessGate", plugin_server.on("/gate", lambda call: answer))))
    job_id = api.submit(job())
    api.wait_state(job_id, "suspended")
    told = api.good("GET", f"/v1/job/explain/{job_id}")
    assert "AccessGate.gate.qa" in told["summary"] and "no room today" in told["summary"]
    assert told["reasonCode"] == "gate_suspended"


def test_why_a_plugin_did_not_match(api, plugin_server):
    api.register(feature("picky", plugin("AccessGate", plugin_server.on("/gate", passes)),
                         selector=when("team", "blue")))
    job_id = api.submit(job(header={"team": "red"}))
    api.wait_final(job_id)
    path = f"/v1/job/explain/{job_id}?plugin=AccessGate.picky.qa"
    told = api.good("GET", path)
    assert told["matched"] is False
    assert [(one["key"], one["expect"], one["value"], one["verdict"]) for one in told["conditions"]] == \
        [("team", "blue", "red", False)]
    assert api.get(f"/v1/job/explain/{job_id}?plugin=AccessGate.nobody.qa").status == 404
    reader = api.token_for("read_job")
    assert reader.get(path).status == 403
    assert reader.get(f"/v1/job/explain/{job_id}").status == 200


def calls_of(told, stage):
    return next(one for one in told["stages"] if one["stage"] == stage)["calls"]


def test_what_each_decorator_added_and_which_registry_it_was(api, plugin_server):
    api.register(feature("one", plugin("TemplateDecorator", plugin_server.on("/one", adds_label("a", "1")))))
    job_id = api.submit(job())
    api.wait_final(job_id)
    api.turn("one", "off")  # another generation, which does not change what was
    told = api.good("GET", f"/v1/job/explain/{job_id}")
    (call,) = calls_of(told, "TemplateDecorator")
    assert call["additions"] == ["/metadata/labels"]
    assert call["generation"] == next(one for one in told["stages"]
                                      if one["stage"] == "TemplateDecorator")["generation"] >= 1
    assert call["durationUs"] > 0 and call["attempts"] == 1
    assert all(stage["finished"] for stage in told["stages"])


def test_who_is_still_to_come(api, plugin_server):
    held = {"decision": "suspend", "reason": "later"}
    api.register(feature("first", plugin("AccessGate", plugin_server.on("/1", held))))
    api.register(feature("second", plugin("AccessGate", plugin_server.on("/2", passes)),
                         plugin("TemplateDecorator", plugin_server.on("/3", adds_label("a", "1")))))
    api.register(feature("other", plugin("AccessGate", plugin_server.on("/4", passes)),
                         selector=when("team", "blue")))
    job_id = api.submit(job())
    api.wait_state(job_id, "suspended")
    told = api.good("GET", f"/v1/job/explain/{job_id}")
    assert [(one["plugin"], one.get("decision", one.get("outcome"))) for one in calls_of(told, "AccessGate")] \
        == [("AccessGate.first.qa", "suspend"), ("AccessGate.second.qa", "to come")]
    assert [one["outcome"] for one in calls_of(told, "TemplateDecorator")] == ["to come"]
    assert [stage["finished"] for stage in told["stages"]] == [True, True, False, False, False]
    api.put(f"/v1/job/stop/{job_id}")
    told = api.good("GET", f"/v1/job/explain/{job_id}")
    assert calls_of(told, "TemplateDecorator") == []  # nobody comes any more


def test_all_plugins_in_pages(api, plugin_server):
    for n in range(7):
        api.register(feature(f"g{n}", plugin("AccessGate", plugin_server.on("/g", passes)),
                             selector=when("team", "red" if n % 2 else "blue")), enable=n != 6)
    api.register(feature("t", plugin("TemplateTranslator", plugin_server.on("/t", passes))))
    job_id = api.submit(job(header={"team": "red"}))
    path = f"/v1/job/explain/{job_id}?all=true"
    whole = api.good("GET", path)
    assert [one["plugin"] for one in whole] == \
        ["TemplateTranslator.t.qa"] + [f"AccessGate.g{n}.qa" for n in range(7)]
    assert [one["matched"] for one in whole] == [True] + [n % 2 == 1 for n in range(7)]
    assert "needs no translator" in whole[0]["note"] and "off" in whole[7]["note"]
    assert whole[1]["conditions"][0]["value"] == "red" and whole[1]["conditions"][0]["expect"] == "blue"
    seen, cursor = [], ""
    while True:
        reply = api.get(f"{path}&pageSize=3{cursor}")
        seen += reply.payload
        assert len(reply.payload) <= 3
        if "X-Next-Cursor" not in reply.headers:
            break
        cursor = "&cursor=" + reply.headers["X-Next-Cursor"]
    assert seen == whole
    assert api.get(f"{path}&cursor=AccessGate.gone.qa").status == 400
    assert api.get(f"{path}&plugin=AccessGate.g1.qa").status == 400
    assert api.token_for("read_job").get(path).status == 403


def test_an_answer_that_is_no_text_is_shown_as_far_as_it_is(api, plugin_server):
    api.register(feature("bad", plugin("AccessGate", plugin_server.on("/g", Answer(200, b"\xff{\xfe")))))
    job_id = api.submit(job(), wait=10)
    (call,) = calls_of(api.good("GET", f"/v1/job/explain/{job_id}"), "AccessGate")
    assert call["detail"] == "\ufffd{\ufffd"
    assert api.get(f"/v1/job/events/{job_id}").document is not None


def test_kept_texts_of_bad_answers_are_for_those_who_may_read_features(api, plugin_server):
    api.register(feature("bad", plugin("AccessGate", plugin_server.on("/g", {"decision": "perhaps"}))))
    job_id = api.submit(job(), wait=10)
    path = f"/v1/job/explain/{job_id}"
    assert "perhaps" in calls_of(api.good("GET", path), "AccessGate")[0]["detail"]
    reader = api.token_for("read_job", userID="ann")
    (call,) = calls_of(reader.good("GET", path), "AccessGate")
    assert "detail" not in call and call["decision"] == "illegal"
    assert api.token_for("read_job", userID="bob").get(path).status == 404
