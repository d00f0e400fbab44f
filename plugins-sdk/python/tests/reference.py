"""The plugin of conformance/README.md, as this SDK writes it."""

from sluice_plugin import (OK, RE, App, Refuse, Unavailable, exception, factor, passed, stop,
                           suspend)


def make(**options):
    app = App("reference", **options)

    @app.translator()
    def translate(call):
        words = call.job.get("words")
        if not isinstance(words, str):
            raise Refuse("job.words: must be a text")
        container = {"name": "main", "command": ["echo", words]}
        role = {"name": "main", "template": {"spec": {"containers": [container]}}}
        return {"apiVersion": "sluice/v1", "kind": "TaskSet",
                "metadata": {"name": call.header["jobName"]}, "spec": {"roles": [role]}}

    @app.factors()
    def factors(call):
        level = call.header.get("level")
        if level == "gold":
            return factor("priority", "10", "gold")
        if level == "none":
            return None
        return [factor("priority", "1", "standard"), factor("queue", "shared", "standard")]

    @app.gate()
    def gate(call):
        want = call.header.get("want")
        if want == "pass":
            return passed("as you wish")
        if want == "suspend":
            return suspend("not now", code="not_now", retry_after=30, ask_on_resume=True)
        if want == "expire":
            return suspend("soon too late", expires_at="2030-01-01T00:00:00Z")
        if want == "stop":
            return stop("never", code="never_ever")
        if want == "unavailable":
            raise Unavailable("the list is being read", 7)
        if want == "facts":
            deadline = "none" if call.deadline is None else "some"
            return passed(f"attempt={call.attempt} dry={str(call.dry_run).lower()} "
                          f"id={call.id} deadline={deadline}")
        if want == "shape":
            return 7
        raise RuntimeError("a secret: the password is swordfish")

    @app.decorator()
    def decorate(call):
        call.job["metadata"].setdefault("labels", {})["team"] = call.header["team"]

    @app.decorator("again")
    def decorate_again(call):
        call.job["metadata"].setdefault("annotations", {})["seen"] = "yes"
        return call.job

    @app.binder()
    def bind(call):
        call.job["spec"]["engine"] = "local"
        return call.job

    @app.hook(["running", "suspended", "failed", "stopped"])
    def hook(change):
        return {"running": OK, "suspended": RE, "failed": exception("no mail server")}.get(change.state)

    return app
