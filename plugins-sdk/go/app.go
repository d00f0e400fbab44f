// Package sluice makes plugins for the Sluice admission gateway: a function, and ten lines around
// it.
//
//	app := sluice.App{Name: "red-gate", Author: "me", Description: "team red only"}
//	app.Gate(func(call *sluice.Call) (sluice.GateAnswer, error) {
//		if call.Text("team") == "red" {
//			return sluice.Pass(""), nil
//		}
//		return sluice.Stop("only team red works here today"), nil
//	})
//	app.Main()
package sluice

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Settings go into the registration of a plugin as they stand: name, description, jobSelector,
// timeoutMs, retries, maxInFlight, failurePolicy, ... A name makes room for a second plugin of a type.
type Settings map[string]any

// App holds the plugins of one feature. It is an http.Handler.
type App struct {
	Name, Author, Description string
	Selector                  map[string]any // every job where it is nil
	Keys                      [][]byte       // signatures are checked where there are any
	MaxBody                   int64          // 4 MiB where it is 0
	Concurrency               int            // 64 where it is 0
	Log                       func(Entry)    // lines of JSON to standard error where it is nil
	Now                       func() time.Time

	plugins  map[string]*plugin
	inFlight atomic.Int64
	stopping atomic.Bool
	behind   behind
}

type plugin struct {
	kind     string
	path     string
	settings Settings
	run      func(asked Asked, body []byte, job *string) (*reply, error)
}

var paths = map[string]string{
	"TemplateTranslator": "/translate", "FactorGenerator": "/factors", "AccessGate": "/gate",
	"TemplateDecorator": "/decorate", "SchedulerBinder": "/bind", "LifeHook": "/hook",
}

// Path is where a plugin of this type is asked; the name may be empty.
func Path(pluginType, name string) string {
	if name == "" {
		return paths[pluginType]
	}
	return paths[pluginType] + "/" + name
}

func (a *App) add(kind string, settings []Settings,
	run func(asked Asked, body []byte, job *string) (*reply, error)) {
	all := Settings{}
	for _, some := range settings {
		for name, value := range some {
			all[name] = value
		}
	}
	name, _ := all["name"].(string)
	path := Path(kind, name)
	if a.plugins == nil {
		a.plugins = map[string]*plugin{}
	}
	if a.plugins[path] != nil {
		panic(path + ": there is a plugin already; give this one a name")
	}
	a.plugins[path] = &plugin{kind, path, all, run}
}

// stage adds a plugin that is asked with a Call.
func (a *App) stage(kind string, settings []Settings, run func(call *Call) (any, error)) {
	a.add(kind, settings, func(asked Asked, body []byte, job *string) (*reply, error) {
		read, err := readCall(body)
		if err != nil {
			return nil, err
		}
		call := &Call{Asked: asked, CallBody: read}
		*job = call.JobID()
		answer, err := run(call)
		if err != nil {
			return nil, err
		}
		return answerOf(answer)
	})
}

func answerOf(answer any) (*reply, error) {
	if answer == nil {
		return &reply{status: 204}, nil
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(answer); err != nil {
		return nil, err
	}
	return &reply{status: 200, kind: "application/json", body: bytes.TrimSpace(text.Bytes())}, nil
}

// Translator adds a TemplateTranslator: what was submitted becomes a TaskSet.
func (a *App) Translator(run func(call *Call) (TaskSet, error), settings ...Settings) {
	a.stage("TemplateTranslator", settings, func(call *Call) (any, error) {
		set, err := run(call)
		if err == nil && set == nil {
			err = errors.New("the function gave no TaskSet")
		}
		return set, err
	})
}

// Factors adds a FactorGenerator: it gives advice, or none.
func (a *App) Factors(run func(call *Call) ([]Factor, error), settings ...Settings) {
	a.stage("FactorGenerator", settings, func(call *Call) (any, error) {
		factors, err := run(call)
		for _, factor := range factors {
			if factor.Topic == "" || factor.Advice == nil {
				return nil, errors.New("a factor needs a topic and an advice")
			}
		}
		switch len(factors) {
		case 0:
			return nil, err
		case 1:
			return factors[0], err
		}
		return factors, err
	})
}

// Gate adds an AccessGate: Pass, Suspend or Stop.
func (a *App) Gate(run func(call *Call) (GateAnswer, error), settings ...Settings) {
	a.stage("AccessGate", settings, func(call *Call) (any, error) {
		answer, err := run(call)
		switch answer.Decision {
		case "pass", "suspend", "stop":
			return answer, err
		}
		if err == nil {
			err = fmt.Errorf("%q is no decision", answer.Decision)
		}
		return nil, err
	})
}

func additions(run func(call *Call) error) func(call *Call) (any, error) {
	return func(call *Call) (any, error) {
		err := run(call)
		return call.Job, err
	}
}

// Decorator adds a TemplateDecorator: it adds to call.Job.
func (a *App) Decorator(run func(call *Call) error, settings ...Settings) {
	a.stage("TemplateDecorator", settings, additions(run))
}

// Binder adds a SchedulerBinder: it adds to call.Job, after all decorators.
func (a *App) Binder(run func(call *Call) error, settings ...Settings) {
	a.stage("SchedulerBinder", settings, additions(run))
}

// Hook adds a LifeHook that is told of changes to these states.
func (a *App) Hook(states []string, run func(change *Change) (HookAnswer, error), settings ...Settings) {
	selector := map[string]any{"states": states}
	for name, value := range a.selector() {
		selector[name] = value
	}
	settings = append([]Settings{{"jobSelector": selector}}, settings...)
	a.add("LifeHook", settings, func(asked Asked, body []byte, job *string) (*reply, error) {
		read, err := readChange(body)
		if err != nil {
			return nil, err
		}
		*job = read.ID
		answer, err := run(&Change{Asked: asked, HookBody: read})
		if err != nil {
			return nil, err
		}
		if answer == "" {
			answer = OK
		}
		return &reply{status: 200, kind: "text/plain; charset=utf-8", body: []byte(answer)}, nil
	})
}

func (a *App) selector() map[string]any {
	if a.Selector != nil {
		return a.Selector
	}
	return map[string]any{"conditions": []any{}, "expression": "*"}
}

// Feature is what is registered: these plugins, reached at this address.
func (a *App) Feature(address string) map[string]any {
	plugins := []any{}
	for _, path := range a.places() {
		one := map[string]any{
			"pluginType":  a.plugins[path].kind,
			"callAddress": strings.TrimRight(address, "/") + path,
		}
		for name, value := range a.plugins[path].settings {
			one[name] = value
		}
		plugins = append(plugins, one)
	}
	author := a.Author
	if author == "" {
		author = "sluice-plugin"
	}
	return map[string]any{"name": a.Name, "author": author, "description": a.Description,
		"jobSelector": a.selector(), "plugins": plugins}
}

func (a *App) places() []string {
	var places []string
	for path := range a.plugins {
		places = append(places, path)
	}
	sort.Strings(places)
	return places
}

// reply is an answer; `unread`: the body was not read, the connection can carry no other request.
type reply struct {
	status  int
	kind    string
	body    []byte
	headers map[string]string
	unread  bool
}

func (r *reply) with(name, value string) *reply {
	r.headers = map[string]string{name: value}
	return r
}

func problem(status int, words string) *reply {
	body, _ := json.Marshal(map[string]string{"error": words})
	return &reply{status: status, kind: "application/json", body: body}
}

func (r *reply) send(to http.ResponseWriter, close bool) {
	header := to.Header()
	for name, value := range r.headers {
		header.Set(name, value)
	}
	if r.status != 204 {
		header["Content-Type"] = []string{r.kind}
		header["Content-Length"] = []string{strconv.Itoa(len(r.body))}
	}
	if close || r.unread {
		header.Set("Connection", "close")
	}
	to.WriteHeader(r.status)
	_, _ = to.Write(r.body) // a caller that has gone away is not answered
}

// ServeHTTP answers one request.
func (a *App) ServeHTTP(to http.ResponseWriter, request *http.Request) {
	a.answer(to, request).send(to, a.stopping.Load())
}

func (a *App) answer(to http.ResponseWriter, request *http.Request) *reply {
	if request.URL.Path == "/healthz" && (request.Method == "GET" || request.Method == "HEAD") {
		if a.stopping.Load() {
			return &reply{status: 503, kind: "application/json", body: []byte(`{"status":"stopping"}`)}
		}
		return &reply{status: 200, kind: "application/json", body: []byte(`{"status":"ok"}`)}
	}
	plugin := a.plugins[request.URL.Path]
	if plugin == nil {
		return unread(problem(404, "no plugin here; there are "+strings.Join(a.places(), ", ")))
	}
	if request.Method != "POST" {
		return unread(problem(405, "plugins are asked with POST").with("Allow", "POST"))
	}
	most := a.MaxBody
	if most == 0 {
		most = 4 << 20
	}
	room := rooms.Get().(*bytes.Buffer)
	defer leave(room)
	body, err := readBody(to, request, most, room)
	if err != nil { // or it broke off: nobody is there to read this
		return unread(problem(413, fmt.Sprintf("the body: has more than %d bytes", most)))
	}
	return a.ask(plugin, request, body)
}

// keptMax is the size of the largest body whose room is kept for the next one.
const keptMax = 64 << 10

// rooms are what bodies are read into: nothing of an answer or of a Call points into them.
var rooms = sync.Pool{New: func() any { return &bytes.Buffer{} }}

func leave(room *bytes.Buffer) {
	if room.Cap() <= keptMax {
		room.Reset()
		rooms.Put(room)
	}
}

// readBody reads into the room.
func readBody(to http.ResponseWriter, request *http.Request, most int64, room *bytes.Buffer) ([]byte, error) {
	if request.ContentLength > most {
		return nil, errors.New("too large")
	}
	if request.ContentLength < 0 {
		_, err := room.ReadFrom(http.MaxBytesReader(to, request.Body, most))
		return room.Bytes(), err
	}
	room.Grow(int(request.ContentLength))
	body := room.Bytes()[:request.ContentLength]
	_, err := io.ReadFull(request.Body, body)
	return body, err
}

func unread(answer *reply) *reply {
	answer.unread = true
	return answer
}

// ask runs the function and writes the line of log.
func (a *App) ask(plugin *plugin, request *http.Request, body []byte) *reply {
	began := time.Now()
	entry := Entry{Msg: "call", Plugin: a.Name, Type: plugin.kind,
		Job: request.Header.Get("Sluice-Job-Id"), Call: request.Header.Get("Webhook-Id")}
	answer, err := a.run(plugin, request, body, &entry.Job)
	if err != nil {
		entry.Error = err.Error()
	}
	entry.Status, entry.Ms = answer.status, float64(time.Since(began).Microseconds())/1000
	switch {
	case answer.status == 500:
		entry.Level = "error"
	case answer.status >= 400:
		entry.Level = "warning"
	}
	a.log(entry)
	return answer
}

func (a *App) run(plugin *plugin, request *http.Request, body []byte, job *string) (answer *reply, err error) {
	most := int64(a.Concurrency)
	if most == 0 {
		most = 64
	}
	defer a.inFlight.Add(-1)
	if a.inFlight.Add(1) > most {
		words := fmt.Sprintf("%d calls are being answered", most)
		return problem(503, words).with("Retry-After", "1"), errors.New(words)
	}
	now := time.Now
	if a.Now != nil {
		now = a.Now
	}
	if len(a.Keys) > 0 && !IsSigned(a.Keys, request.Header, body, now()) {
		words := "the signature does not fit, or is more than 5 minutes off"
		return problem(401, words), errors.New(words)
	}
	asked, end := asked(request.Context(), request.Header)
	defer end()
	defer func() { // a call that goes wrong must not end the service
		if fault := recover(); fault != nil {
			answer, err = problem(500, "internal error"), fmt.Errorf("panic: %v", fault)
		}
	}()
	answer, err = plugin.run(asked, body, job)
	if err != nil {
		answer = problemOf(err)
	}
	return answer, err
}
