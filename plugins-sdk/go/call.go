package sluice

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Asked is what the headers of a call say. A gateway of the first protocol sends none of them.
type Asked struct {
	Context     context.Context // ends when the caller goes away or an answer comes too late
	CallID      string          // the same over repeats of one call: the idempotency key
	Attempt     int
	DryRun      bool // somebody wants to know what would happen: change nothing
	PluginKey   string
	Traceparent string // W3C trace context
}

// Call is a question about a job. Numbers in it are json.Number, so that what is given back is
// what came.
type Call struct {
	Asked
	CallBody
}

// Text is a member of the header, empty where it is absent or no text.
func (c *Call) Text(member string) string {
	text, _ := c.Header[member].(string)
	return text
}

// User is who submitted the job.
func (c *Call) User() string { return c.Text("userID") }

// JobID is the job's id.
func (c *Call) JobID() string { return c.Text("jobID") }

// Advice is the advice on one topic, in the order of the plugins.
func (c *Call) Advice(topic string) []string {
	var advice []string
	for _, factor := range c.Factors[topic] {
		advice = append(advice, fmt.Sprint(factor.Advice))
	}
	return advice
}

// Object is the object behind the keys of the job; objects that are absent are added. Nil where
// something else stands in the way.
func (c *Call) Object(keys ...string) map[string]any {
	object := c.Job
	for _, key := range keys {
		if object[key] == nil {
			object[key] = map[string]any{}
		}
		next, is := object[key].(map[string]any)
		if !is {
			return nil
		}
		object = next
	}
	return object
}

// Pods are the pod specs of all roles of a TaskSet, the maps themselves.
func (c *Call) Pods() []map[string]any {
	var found []map[string]any
	spec, _ := c.Job["spec"].(map[string]any)
	for _, role := range objects(spec["roles"]) {
		template, _ := role["template"].(map[string]any)
		if pod, is := template["spec"].(map[string]any); is {
			found = append(found, pod)
		}
	}
	return found
}

// Containers are the containers of all roles of a TaskSet, the maps themselves.
func (c *Call) Containers() []map[string]any {
	var found []map[string]any
	for _, pod := range c.Pods() {
		found = append(found, objects(pod["containers"])...)
	}
	return found
}

func objects(list any) []map[string]any {
	var found []map[string]any
	elements, _ := list.([]any)
	for _, element := range elements {
		if object, is := element.(map[string]any); is {
			found = append(found, object)
		}
	}
	return found
}

// Change tells that a job went from one state to the next.
type Change struct {
	Asked
	HookBody
}

func whole(text string) (int, bool) {
	if len(text) > 9 || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	number, err := strconv.Atoi(text)
	return number, err == nil
}

// asked reads the headers; the caller ends the context.
func asked(ctx context.Context, headers http.Header) (Asked, context.CancelFunc) {
	attempt, known := whole(headers.Get("Sluice-Attempt"))
	if !known || attempt == 0 {
		attempt = 1
	}
	end := context.CancelFunc(func() {})
	if left, known := whole(headers.Get("Sluice-Deadline-Ms")); known {
		ctx, end = context.WithTimeout(ctx, time.Duration(left)*time.Millisecond)
	}
	return Asked{
		Context:     ctx,
		CallID:      headers.Get("webhook-id"),
		Attempt:     attempt,
		DryRun:      strings.EqualFold(headers.Get("Sluice-Dry-Run"), "true"),
		PluginKey:   headers.Get("Sluice-Plugin-Key"),
		Traceparent: headers.Get("traceparent"),
	}, end
}

// readJSON reads the body as an object.
func readJSON(body []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(body) {
		return nil, Refuse("the body is not JSON: it is not UTF-8")
	}
	if !json.Valid(body) {
		var nothing any
		return nil, Refuse("the body is not JSON: %v", json.Unmarshal(body, &nothing))
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil || members == nil {
		return nil, Refuse("the body: must be an object")
	}
	return members, nil
}

// readMember reads a member into `to`, numbers as they stand.
func readMember(members map[string]json.RawMessage, name string, to any, kind string) error {
	text, there := members[name]
	if there && string(text) != "null" {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if decoder.Decode(to) == nil {
			return nil
		}
	}
	return Refuse("%s: must be %s", name, kind)
}

func readCall(body []byte) (CallBody, error) {
	var call CallBody
	members, err := readJSON(body)
	if err != nil {
		return call, err
	}
	if err := readMember(members, "header", &call.Header, "an object"); err != nil {
		return call, err
	}
	if err := readMember(members, "job", &call.Job, "an object"); err != nil {
		return call, err
	}
	if text, there := members["factors"]; there && string(text) != "null" {
		return call, readMember(members, "factors", &call.Factors, "an object of lists of factors")
	}
	return call, nil
}

func readChange(body []byte) (HookBody, error) {
	var change HookBody
	members, err := readJSON(body)
	if err != nil {
		return change, err
	}
	_ = json.Unmarshal(body, &change) // members of another kind than is known stay empty
	if err := readMember(members, "id", &change.ID, "a text"); err != nil {
		return change, err
	}
	return change, readMember(members, "current_state", &change.CurrentState, "a text")
}
