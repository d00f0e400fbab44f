"""Every route and who may call it, in one table: what is not in it is not served (test_who_calls.py).

NEEDS: "METHOD pattern" -> the privileges of which any suffices; OPEN: nobody is asked; ADMIN: the admin
only. LOCAL: callers on this machine need none."""

import uuid

SINGLE = ["read_job", "write_job", "resume_job", "read_feature", "write_feature", "register_feature",
          "read_token", "write_token"]
OPEN, ADMIN = None, set()
READ_JOB, WRITE_JOB = {"read_job"}, {"write_job"}
READ, WRITE = {"read_feature"}, {"write_feature"}

NEEDS = {
    "POST /v1/features": {"register_feature", "write_feature"},
    "DELETE /v1/features/{name}": WRITE,
    "PUT /v1/features/turn-on/{name}": WRITE,
    "PUT /v1/features/turn-off/{name}": WRITE,
    "PUT /v1/features/rotate-key/{name}": WRITE,
    "GET /v1/features/list/{author}": READ,
    "GET /v1/features/detail/{name}": READ,
    "POST /v1/features/replay": WRITE,
    "PUT /v1/plugins/sequence": WRITE,
    "PUT /v1/plugins/override/{key}": WRITE,
    "GET /v1/plugins/detail/{key}": READ,
    "GET /v1/plugins/list/{type}": READ,
    "POST /v1/plugins/test": WRITE,
    "POST /v1/selectors/test": READ,
    "POST /v1/job": WRITE_JOB,
    "PUT /v1/job/stop/{jobID}": WRITE_JOB,
    "PUT /v1/job/resume/{jobID}": {"resume_job", "write_job"},
    "POST /v1/job/rerun/{jobID}": WRITE_JOB,
    "DELETE /v1/job/{jobID}": WRITE_JOB,
    "GET /v1/job/config/{jobID}": READ_JOB,
    "GET /v1/job/taskset/{jobID}": READ_JOB,
    "GET /v1/job/detail/{jobID}": READ_JOB,
    "GET /v1/job/events/{jobID}": READ_JOB,
    "GET /v1/job/calls/{jobID}": READ_JOB,
    "GET /v1/job/explain/{jobID}": READ_JOB,
    "GET /v1/job/logs/{jobID}": READ_JOB,
    "GET /v1/job/artifacts/{jobID}": READ_JOB,
    "GET /v1/job/artifacts/{jobID}/{path}": READ_JOB,
    "GET /v1/job/list": READ_JOB,
    "GET /v1/job/count": READ_JOB,
    "GET /v1/events": READ_JOB,
    "GET /v1/admission": READ,
    "PUT /v1/admission/hold": WRITE,
    "PUT /v1/admission/release": WRITE,
    "GET /v1/hooks/deliveries": READ,
    "POST /v1/hooks/redeliver": WRITE,
    "PUT /v1/tokens/admin": ADMIN,
    "POST /v1/tokens": {"write_token"},
    "PUT /v1/tokens/normal": {"write_token"},
    "DELETE /v1/tokens": {"write_token"},
    "GET /v1/tokens": {"read_token"},
    "GET /v1/admin/backup": ADMIN,
    "POST /v1/admin/backup": ADMIN,
    "GET /v1/audit": ADMIN,
    "GET /healthz": OPEN,
    "GET /readyz": OPEN,
    "GET /openapi.json": OPEN,
    "GET /metrics": READ,
}
LOCAL = {"GET /metrics"}
NO_JOB = str(uuid.UUID(int=0x01890000000070008000000000000001))


def concrete(route, job_id=NO_JOB):
    """Method and path, with names of what is not there."""
    method, pattern = route.split(" ")
    path = pattern.format(name="nothing", author="all", key="AccessGate.nothing.qa", type="AccessGate",
                          jobID=job_id, path="out")
    return method, path
