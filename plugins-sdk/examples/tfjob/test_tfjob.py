import json
import os
import pathlib
import subprocess
import unittest

from sluice_plugin.log import silent
from sluice_plugin.testing import ask, replay
from tfjob import app

app.log = silent


def training(**types):
    def replicas(count):
        container = {"name": "tensorflow", "command": ["sh", "-c", 'printf %s "$TF_CONFIG"'], "env": []}
        return {"replicas": count, "template": {"spec": {"containers": [container]}}}
    return {"kind": "TFJob", "spec": {"tfReplicaSpecs": {name: replicas(count) for name, count in types.items()}}}


def configs(taskset):
    """role -> what each replica finds in TF_CONFIG, by running its command."""
    found = {}
    for role in taskset["spec"]["roles"]:
        [container] = role["template"]["spec"]["containers"]
        env = {one["name"]: one["value"] for one in container["env"]}
        found[role["name"]] = [
            json.loads(subprocess.run(container["command"], check=True, capture_output=True, env={
                "PATH": os.environ["PATH"], **env, "TASKROLE_REPLICA_INDEX": str(i)}).stdout or "null")
            for i in range(role["replicas"])]
    return found


class Translation(unittest.TestCase):
    def test_recorded_calls(self):
        self.assertEqual(replay(app, pathlib.Path(__file__).with_name("calls.json")), [])

    def test_each_replica_knows_who_it_is(self):
        found = configs(ask(app, "TemplateTranslator", training(Worker=3, PS=2, Evaluator=1)))
        tasks = [one["task"] for role in ("ps", "worker-0", "worker", "evaluator") for one in found[role]]
        self.assertEqual(tasks, [
            {"type": "ps", "index": 0}, {"type": "ps", "index": 1}, {"type": "worker", "index": 0},
            {"type": "worker", "index": 1}, {"type": "worker", "index": 2}, {"type": "evaluator", "index": 0}])
        clusters = {json.dumps(one["cluster"]) for role in found.values() for one in role}
        self.assertEqual(len(clusters), 1)
        cluster = json.loads(clusters.pop())
        self.assertEqual({name: len(list_) for name, list_ in cluster.items()}, {"ps": 2, "worker": 3})
        self.assertEqual(len({one for list_ in cluster.values() for one in list_}), 5)

    def test_who_ends_the_job(self):
        def leader(taskset):
            return [one["name"] for one in taskset["spec"]["roles"] if "eventPolicy" in one]
        self.assertEqual(leader(ask(app, "TemplateTranslator", training(Chief=1, Worker=2))), ["chief"])
        self.assertEqual(leader(ask(app, "TemplateTranslator", training(PS=1, Worker=2))), ["worker-0"])
        all_of_them = training(PS=1, Worker=2)
        all_of_them["spec"]["successPolicy"] = "AllWorkers"
        self.assertEqual(leader(ask(app, "TemplateTranslator", all_of_them)), ["worker"])

    def test_one_alone_is_no_cluster(self):
        self.assertEqual(configs(ask(app, "TemplateTranslator", training(Worker=1))), {"worker": [None]})


if __name__ == "__main__":
    unittest.main()
