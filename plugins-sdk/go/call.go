package sluice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
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
func asked(ctx context.Context, headers http.Header) (Asked, func()) {
	attempt, known := whole(headers.Get("Sluice-Attempt"))
	if !known || attempt == 0 {
		attempt = 1
	}
	end := func() {}
	if left, known := whole(headers.Get("Sluice-Deadline-Ms")); known {
		until := &deadline{parent: ctx, at: time.Now().Add(time.Duration(left) * time.Millisecond)}
		ctx, end = until, until.end
	}
	return Asked{
		Context:     ctx,
		CallID:      headers.Get("Webhook-Id"),
		Attempt:     attempt,
		DryRun:      strings.EqualFold(headers.Get("Sluice-Dry-Run"), "true"),
		PluginKey:   headers.Get("Sluice-Plugin-Key"),
		Traceparent: headers.Get("Traceparent"),
	}, end
}

// reader reads objects one after the other: its decoder makes room for the text once, and not with
// each call.
type reader struct {
	text    bytes.Reader
	decoder *json.Decoder
}

var readers = sync.Pool{New: func() any {
	r := &reader{}
	r.decoder = json.NewDecoder(&r.text)
	r.decoder.UseNumber()
	return r
}}

// next reads one value into members and tells what stands behind it.
func (r *reader) next(body []byte, members *map[string]any) (behind []byte, err error) {
	r.text.Reset(body)
	before := r.decoder.InputOffset()
	err = r.decoder.Decode(members)
	behind = body[r.decoder.InputOffset()-before:]
	r.text.Reset(nil)
	if err == nil && len(behind) == 0 && len(body) <= keptMax {
		readers.Put(r) // with nothing left in it that the next one could read
	}
	return behind, err
}

// readJSON reads the body as an object, numbers as they stand.
func readJSON(body []byte) (map[string]any, error) {
	if !utf8.Valid(body) {
		return nil, Refuse("the body is not JSON: it is not UTF-8")
	}
	var members map[string]any
	var kind *json.UnmarshalTypeError
	behind, err := readers.Get().(*reader).next(body, &members)
	switch {
	case err != nil && !errors.As(err, &kind):
		return nil, Refuse("the body is not JSON: %v", err)
	case len(bytes.Trim(behind, " \t\r\n")) > 0:
		return nil, Refuse("the body is not JSON: something stands behind it")
	case err != nil || members == nil:
		return nil, Refuse("the body: must be an object")
	}
	return members, nil
}

func objectOf(members map[string]any, name string) (map[string]any, error) {
	object, is := members[name].(map[string]any)
	if !is {
		return nil, Refuse("%s: must be an object", name)
	}
	return object, nil
}

func factorsOf(members map[string]any) (Factors, error) {
	if members["factors"] == nil {
		return nil, nil
	}
	wrong := Refuse("factors: must be an object of lists of factors")
	topics, is := members["factors"].(map[string]any)
	if !is {
		return nil, wrong
	}
	factors := Factors{}
	for name, list := range topics {
		elements, is := list.([]any)
		if !is && list != nil {
			return nil, wrong
		}
		advice := make([]Factor, 0, len(elements))
		for _, element := range elements {
			one, is := element.(map[string]any)
			topic, named := one["topic"].(string)
			if !is && element != nil || !named && one["topic"] != nil {
				return nil, wrong
			}
			advice = append(advice, Factor{Topic: topic, Advice: one["advice"], Reason: one["reason"]})
		}
		factors[name] = advice
	}
	return factors, nil
}

func readCall(body []byte) (CallBody, error) {
	var call CallBody
	members, err := readJSON(body)
	if err != nil {
		return call, err
	}
	if call.Header, err = objectOf(members, "header"); err != nil {
		return call, err
	}
	if call.Job, err = objectOf(members, "job"); err != nil {
		return call, err
	}
	call.Factors, err = factorsOf(members)
	return call, err
}

func readChange(body []byte) (HookBody, error) {
	var change HookBody
	members, err := readJSON(body)
	if err != nil {
		return change, err
	}
	_ = json.Unmarshal(body, &change) // members of another kind than is known stay empty
	for _, name := range []string{"id", "current_state"} {
		if _, is := members[name].(string); !is {
			return change, Refuse("%s: must be a text", name)
		}
	}
	change.ID, change.CurrentState = members["id"].(string), members["current_state"].(string)
	return change, nil
}
