"""tfjob: training jobs of the form TFJob (kubeflow.org/v1) become TaskSets.

Each replica type (Chief or Master, Worker, PS, Evaluator) becomes a role, and each replica finds
in TF_CONFIG who the others are and which of them it is itself.
"""

import json
import os
import sys
import zlib

from sluice_plugin import App, Refuse

TYPES = {"chief": "chief", "master": "master", "ps": "ps", "worker": "worker", "evaluator": "evaluator"}
RESTARTS = ("Never", "OnFailure", "Always", "ExitCode")
CONTAINER = "tensorflow"  # by its name, the one that trains
REPLICAS_MAX = 1000
BACKOFF_LIMIT = 6
LOCAL = "127.0.0.1:{port}"

app = App("tfjob", author="examples", description="training jobs of the form TFJob",
          selector={"conditions": [{"name": "tf", "key": "jobKind", "expect": "TFJob"}], "expression": "tf"})


def member(of, name, kind, place, default=None):
    value = of.get(name)
    if value is None:
        value = default
    if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
        raise Refuse(f"{place}.{name}: must be {'a text' if kind is str else 'a whole number' if kind is int else 'an object' if kind is dict else 'a list'}")
    return value


def whole(of, name, place, default, least, most):
    value = member(of, name, int, place, default)
    if value is not None and not least <= value <= most:
        raise Refuse(f"{place}.{name}: must be a whole number from {least} to {most}")
    return value


class Replicas:
    """One replica type as it was submitted."""

    def __init__(self, name, spec, place, retries):
        self.type, self.place = TYPES.get(name.lower()), place
        if self.type is None:
            raise Refuse(f"{place}: is none of Chief, Master, Worker, PS, Evaluator")
        if not isinstance(spec, dict):
            raise Refuse(f"{place}: must be an object")
        self.count = whole(spec, "replicas", place, 1, 1, REPLICAS_MAX)
        if self.type in ("chief", "master", "evaluator") and self.count != 1:
            raise Refuse(f"{place}.replicas: must be 1 for this type")
        self.template = member(spec, "template", dict, place, {})
        restart = member(spec, "restartPolicy", str, place, "Never")
        if restart not in RESTARTS:
            raise Refuse(f"{place}.restartPolicy: must be one of {', '.join(RESTARTS)}")
        again = restart != "Never" and retries > 0
        self.retry = {"retry": again, "delay": 1 if again else 0, "maxRetryCount": retries if again else 0}


def addresses(groups, pattern, job_name, job_id):
    """type -> addresses, as TF_CONFIG has them. Replicas on one machine need ports of their own:
    they are counted from one that follows from the job's id."""
    port = 20000 + zlib.crc32(job_id.encode()) % 10000
    cluster = {}
    for group in groups:
        if group.type == "evaluator":
            continue  # it looks on, and is no part of it
        cluster[group.type] = [pattern.format(job=job_name, type=group.type, index=i, port=port + i)
                               for i in range(group.count)]
        port += group.count
    return cluster


def roles_of(group, cluster, alone):
    """Mostly one role. Where the first worker leads, it is a role of its own: it ends the job."""
    if group.type == "worker" and group.count > 1 and alone:
        yield role("worker-0", group, 1, 0, cluster)
        yield role("worker", group, group.count - 1, 1, cluster)
    else:
        yield role(group.type, group, group.count, 0, cluster)


def role(name, group, count, first, cluster):
    template = json.loads(json.dumps(group.template))
    if cluster:
        container = the_container(template, group.place)
        if count == 1:
            task = {"type": group.type, "index": first}
            set_environment(container, json.dumps({"cluster": cluster, "task": task}), group.place)
        else:
            set_at_start(container, group, first, cluster)
    return {"name": name, "replicas": count, "retryPolicy": group.retry, "template": template}


def the_container(template, place):
    pod = member(template, "spec", dict, f"{place}.template", {})
    found = member(pod, "containers", list, f"{place}.template.spec", [])
    named = [one for one in found if isinstance(one, dict) and (len(found) == 1 or one.get("name") == CONTAINER)]
    if len(named) != 1:
        raise Refuse(f"{place}.template.spec.containers: needs one with the name {CONTAINER}")
    return named[0]


def set_environment(container, text, place):
    env = member(container, "env", list, f"{place}: container", [])
    container["env"] = [one for one in env if not isinstance(one, dict) or one.get("name") != "TF_CONFIG"]
    container["env"].append({"name": "TF_CONFIG", "value": text})


def set_at_start(container, group, first, cluster):
    """Replicas of one role have one template: each puts in its own index when it starts."""
    command = member(container, "command", list, f"{group.place}: container")
    if not command:
        raise Refuse(f"{group.place}.template.spec.containers: needs a command: "
                     "with more than one replica it is told its index there")
    env = member(container, "env", list, f"{group.place}: container", [])
    container["env"] = [*env, {"name": "TF_CLUSTER", "value": json.dumps(cluster)}]
    script = ('export TF_CONFIG="{\\"cluster\\": $TF_CLUSTER, \\"task\\": {\\"type\\": \\"%s\\", '
              '\\"index\\": $((TASKROLE_REPLICA_INDEX + %d))}}"; exec "$@"' % (group.type, first))
    container["command"] = ["sh", "-c", script, "sh", *command]


def end_policies(roles, success):
    """Who ends the job: the chief, else the first worker, else (AllWorkers) all of them."""
    names = {one["name"] for one in roles}
    leader = next((name for name in ("chief", "master", "worker-0", "worker") if name in names), None)
    if success == "AllWorkers" and "worker" in names:
        leader = "worker"
    if leader is None:
        raise Refuse("job.spec.tfReplicaSpecs: needs a Worker, a Chief or a Master")
    for one in roles:
        if one["name"] == leader:
            one["eventPolicy"] = [{"event": "RoleSucceeded", "action": "TaskSetSucceeded"},
                                  {"event": "RoleFailed", "action": "TaskSetFailed"}]
    return roles


@app.translator(sideEffects="none")
def translate(call):
    spec = member(call.job, "spec", dict, "job", {})
    policy = member(spec, "runPolicy", dict, "job.spec", {})
    retries = whole(policy, "backoffLimit", "job.spec.runPolicy", BACKOFF_LIMIT, 0, 1000)
    deadline = whole(policy, "activeDeadlineSeconds", "job.spec.runPolicy", None, 1, 366 * 86400)
    success = member(spec, "successPolicy", str, "job.spec", "")
    if success not in ("", "AllWorkers"):
        raise Refuse("job.spec.successPolicy: must be AllWorkers, or left out")
    groups = [Replicas(name, one, f"job.spec.tfReplicaSpecs.{name}", retries) for name, one in
              sorted(member(spec, "tfReplicaSpecs", dict, "job.spec", {}).items())]
    types = [group.type for group in groups]
    if len(set(types)) != len(types) or {"chief", "master"} <= set(types):
        raise Refuse("job.spec.tfReplicaSpecs: has one type twice")
    metadata = member(call.job, "metadata", dict, "job", {})
    name = member(metadata, "name", str, "job.metadata", call.job_id)
    pattern = os.environ.get("TFJOB_ADDRESS") or LOCAL
    cluster = addresses(groups, pattern, name, call.job_id) if sum(g.count for g in groups) > 1 else None
    alone = not {"chief", "master"} & set(types) and success != "AllWorkers"
    roles = [one for group in groups for one in roles_of(group, cluster, alone)]
    return {"apiVersion": "sluice/v1", "kind": "TaskSet",
            "metadata": {**{key: metadata[key] for key in ("labels", "annotations") if key in metadata}, "name": name},
            "spec": {**({"activeDeadlineSeconds": deadline} if deadline else {}),
                     "roles": end_policies(roles, success)}}


if __name__ == "__main__":
    try:
        (os.environ.get("TFJOB_ADDRESS") or LOCAL).format(job="", type="", index=0, port=0)
    except (KeyError, IndexError, ValueError):
        sys.exit("tfjob: TFJOB_ADDRESS: may hold {job}, {type}, {index} and {port}")
    app.main()
