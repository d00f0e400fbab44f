// Written by plugins-sdk/schema/make_types.py from protocol-1.json: change that. DO NOT EDIT.

package sluice

// Factor: One piece of advice about a job.
type Factor struct {
	// What the advice is about: factors are grouped by it.
	Topic string `json:"topic"`
	// The advice itself; a number or a boolean is taken as its JSON text.
	Advice any `json:"advice"`
	// Why, in words.
	Reason any `json:"reason,omitempty"`
}

// Header: What is known about a job: four members of the gateway's own, those of the submitter's
// token, and whatever the submitter sent.
type Header = map[string]any

// Container: A container as Kubernetes has it.
type Container = map[string]any

// Role: Replicas of one kind.
type Role = map[string]any

// TaskSetSpec: What is to be run.
type TaskSetSpec = map[string]any

// TaskSet: The common form of a job: the answer of a TemplateTranslator, a TemplateDecorator and a
// SchedulerBinder.
type TaskSet = map[string]any

// CallBody: What a TemplateTranslator, FactorGenerator, AccessGate, TemplateDecorator or
// SchedulerBinder is sent.
type CallBody struct {
	Factors Factors `json:"factors"`
	Header  Header  `json:"header"`
	// For a TemplateTranslator what was submitted, for all others the TaskSet.
	Job map[string]any `json:"job"`
}

// GateAnswer: The answer of an AccessGate.
type GateAnswer struct {
	// Let it pass, keep it back for now, or end it.
	Decision string `json:"decision"`
	// Why: shown to the submitter.
	Reason any `json:"reason,omitempty"`
	// With suspend or stop: a word of your own to search by.
	ReasonCode string `json:"reasonCode,omitempty"`
	// With suspend: ask me again after so many seconds.
	RetryAfterSec int `json:"retryAfterSec,omitempty"`
	// With suspend: stop the job then (RFC 3339).
	ExpiresAt string `json:"expiresAt,omitempty"`
	// With suspend: go on behind this gate when resumed (next, the default), or ask it again.
	OnResume string `json:"onResume,omitempty"`
}

// HookBody: What a LifeHook is sent: one state change of one job.
type HookBody struct {
	// The job's id.
	ID           string `json:"id"`
	CurrentState string `json:"current_state"`
	// Absent or empty with the first.
	PreviousState string `json:"previous_state,omitempty"`
	// Counts the job's state changes from 1.
	Sequence int `json:"sequence,omitempty"`
	// When (RFC 3339, UTC).
	Time    string `json:"time,omitempty"`
	UserID  string `json:"userID,omitempty"`
	JobName string `json:"jobName,omitempty"`
	JobKind string `json:"jobKind,omitempty"`
	// Why, in words.
	Reason string `json:"reason,omitempty"`
	// Why, as one word.
	ReasonCode string `json:"reasonCode,omitempty"`
}

// Refusal: The body of an answer with another status than 200: with 400 the job fails with these
// words.
type Refusal struct {
	// What is wrong, with its place.
	Error string `json:"error"`
}

// RecordedCall: One call as it was sent, and what came back.
type RecordedCall struct {
	// What to call it in a report.
	Name       string `json:"name,omitempty"`
	PluginType string `json:"pluginType"`
	PluginKey  string `json:"pluginKey,omitempty"`
	// Without signature and authorization, which are made anew.
	Headers map[string]string `json:"headers,omitempty"`
	// A Call, or a HookCall.
	Body map[string]any `json:"body"`
	// What it is to be answered, where that is known.
	Answer map[string]any `json:"answer,omitempty"`
}

// RecordedCalls: A file of recorded calls.
type RecordedCalls struct {
	Protocol int            `json:"protocol"`
	Calls    []RecordedCall `json:"calls"`
}

// Factors: The advice gathered so far by topic, in the order of the plugins.
type Factors map[string][]Factor
