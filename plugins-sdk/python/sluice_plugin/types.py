"""What goes over the wire, as types. Written by plugins-sdk/schema/make_types.py from protocol-1.json: change that."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class Factor(TypedDict):
    """One piece of advice about a job."""

    topic: str
    advice: str | float | bool
    reason: NotRequired[str | float | bool]


class Header(TypedDict):
    """What is known about a job: four members of the gateway's own, those of the submitter's token, and whatever the submitter sent."""

    userID: str
    jobName: str
    jobKind: str
    jobID: str


class Container(TypedDict):
    """A container as Kubernetes has it."""

    name: str
    image: NotRequired[str]
    command: NotRequired[list[str]]
    args: NotRequired[list[str]]
    env: NotRequired[list[dict[str, Any]]]
    resources: NotRequired[dict[str, Any]]


class Role(TypedDict):
    """Replicas of one kind."""

    name: str
    replicas: NotRequired[int]
    dependsOn: NotRequired[list[Any]]
    completionPolicy: NotRequired[dict[str, Any]]
    retryPolicy: NotRequired[dict[str, Any]]
    eventPolicy: NotRequired[list[dict[str, Any]]]
    template: dict[str, Any]


class TaskSetSpec(TypedDict):
    """What is to be run."""

    engine: NotRequired[str]
    gang: NotRequired[bool]
    activeDeadlineSeconds: NotRequired[int]
    retryPolicy: NotRequired[dict[str, Any]]
    roles: list[Role]


class TaskSet(TypedDict):
    """The common form of a job: the answer of a TemplateTranslator, a TemplateDecorator and a SchedulerBinder."""

    apiVersion: NotRequired[str]
    kind: Literal["TaskSet"]
    metadata: NotRequired[dict[str, Any]]
    spec: TaskSetSpec


class Call(TypedDict):
    """What a TemplateTranslator, FactorGenerator, AccessGate, TemplateDecorator or SchedulerBinder is sent."""

    factors: Factors
    header: Header
    job: dict[str, Any]


class GateAnswer(TypedDict):
    """The answer of an AccessGate."""

    decision: Literal["pass", "suspend", "stop"]
    reason: NotRequired[str | float | bool]
    reasonCode: NotRequired[str]
    retryAfterSec: NotRequired[int]
    expiresAt: NotRequired[str]
    onResume: NotRequired[Literal["next", "ask"]]


class HookCall(TypedDict):
    """What a LifeHook is sent: one state change of one job."""

    id: str
    current_state: Literal["preparing", "suspended", "waiting", "running", "succeeded", "failed", "stopped"]
    previous_state: NotRequired[str | None]
    sequence: NotRequired[int]
    time: NotRequired[str]
    userID: NotRequired[str]
    jobName: NotRequired[str]
    jobKind: NotRequired[str]
    reason: NotRequired[str]
    reasonCode: NotRequired[str]


class Refusal(TypedDict):
    """The body of an answer with another status than 200: with 400 the job fails with these words."""

    error: str


class RecordedCall(TypedDict):
    """One call as it was sent, and what came back."""

    name: NotRequired[str]
    pluginType: Literal["TemplateTranslator", "FactorGenerator", "AccessGate", "TemplateDecorator", "SchedulerBinder", "LifeHook"]
    pluginKey: NotRequired[str]
    headers: NotRequired[dict[str, str]]
    body: dict[str, Any]
    answer: NotRequired[dict[str, Any]]


class RecordedCalls(TypedDict):
    """A file of recorded calls."""

    protocol: Literal[1]
    calls: list[RecordedCall]


#: The advice gathered so far by topic, in the order of the plugins.
Factors = dict[str, list[Factor]]

#: The answer of a FactorGenerator: one factor or a list. Status 204 without a body says: no advice.
FactorAnswer = Factor | list[Factor]
