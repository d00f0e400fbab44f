package sluice_test

// The program: options, registration, a clean end, more calls than allowed, and the test kit.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	sluice "sluice.example/plugin"
	"sluice.example/plugin/plugintest"
)

const (
	key  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	call = `{"factors":{},"header":{"jobID":"j","want":"pass"},"job":{"kind":"TaskSet","spec":{"roles":[]}}}`
)

// TestMain is the reference plugin where the tests start themselves as one.
func TestMain(m *testing.M) {
	if os.Getenv("BE_THE_PLUGIN") == "" {
		os.Exit(m.Run())
	}
	app := reference()
	app.Log = nil
	app.Main()
}

type program struct {
	command *exec.Cmd
	folder  string
	output  *lines
}

// lines keeps what a program writes.
type lines struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *lines) Write(some []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(some)
}

func (l *lines) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

// entry is the first line of the log with this message.
func (l *lines) entry(msg string) *sluice.Entry {
	scanner := bufio.NewScanner(strings.NewReader(l.String()))
	for scanner.Scan() {
		var entry sluice.Entry
		if json.Unmarshal(scanner.Bytes(), &entry) == nil && strings.HasPrefix(entry.Msg, msg) {
			return &entry
		}
	}
	return nil
}

func until(t *testing.T, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if condition() {
			return
		}
	}
	t.Fatal("it did not come")
}

func start(t *testing.T, environment []string, options ...string) *program {
	p := &program{folder: t.TempDir(), output: &lines{}}
	p.command = exec.Command(os.Args[0], append([]string{"--listen", "127.0.0.1:0", "--port-file", p.folder + "/port"}, options...)...)
	p.command.Env = append([]string{"BE_THE_PLUGIN=1", "PATH=" + os.Getenv("PATH")}, environment...)
	p.command.Stderr = p.output
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		_ = p.command.Wait()
	})
	return p
}

func (p *program) address(t *testing.T) string {
	var port []byte
	until(t, func() bool {
		port, _ = os.ReadFile(p.folder + "/port")
		return len(port) > 0
	})
	return "http://127.0.0.1:" + strings.TrimSpace(string(port))
}

func post(t *testing.T, address, body string) *http.Response {
	t.Helper()
	request, err := http.NewRequest("POST", address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("webhook-id", "msg_1")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	return answer
}

func TestServesLogsAndEndsWhenTold(t *testing.T) {
	p := start(t, nil)
	address := p.address(t)
	if status := post(t, address+"/gate", call).StatusCode; status != 200 {
		t.Fatalf("status %d", status)
	}
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.command.Wait(); err != nil {
		t.Fatalf("%v: %s", err, p.output)
	}
	entry := p.output.entry("call")
	if entry == nil || entry.Job != "j" || entry.Call != "msg_1" || entry.Status != 200 || entry.Type != "AccessGate" {
		t.Errorf("no such line: %s", p.output)
	}
	if p.output.entry("signatures are not checked") == nil || p.output.entry("ended") == nil {
		t.Errorf("not told: %s", p.output)
	}
}

func TestKeysComeFromTheEnvironment(t *testing.T) {
	p := start(t, []string{"PLUGIN_SIGNING_KEY=" + key})
	if status := post(t, p.address(t)+"/gate", call).StatusCode; status != 401 {
		t.Errorf("status %d", status)
	}
	if strings.Contains(p.output.String(), key) {
		t.Error("the log has the key")
	}
}

func TestABadOptionIsTold(t *testing.T) {
	for _, one := range []struct{ environment, option, words string }{
		{"", "--listen=nowhere", "HOST:PORT"}, {"", "--bogus", "bogus"}, {"PLUGIN_SIGNING_KEY=secret", "", "whsec_"},
		{"PLUGIN_CONCURRENCY=many", "", "many"},
	} {
		var options []string
		if one.option != "" {
			options = []string{one.option}
		}
		p := start(t, []string{one.environment}, options...)
		err := p.command.Wait()
		if err == nil || !strings.Contains(p.output.String(), one.words) {
			t.Errorf("%v: %v: %s", one, err, p.output)
		}
	}
}

// gateway takes registrations, answering each in turn and the last for ever.
func gateway(t *testing.T, answers ...int) (string, func() []map[string]any) {
	var mutex sync.Mutex
	var seen []map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(to http.ResponseWriter, request *http.Request) {
		var feature map[string]any
		_ = json.NewDecoder(request.Body).Decode(&feature)
		feature["asked"] = request.Method + " " + request.URL.Path + " " + request.Header.Get("Authorization")
		mutex.Lock()
		defer mutex.Unlock()
		seen = append(seen, feature)
		to.WriteHeader(answers[0])
		_, _ = io.WriteString(to, `{"msg": "the feature is on"}`)
		if len(answers) > 1 {
			answers = answers[1:]
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []map[string]any {
		mutex.Lock()
		defer mutex.Unlock()
		return seen
	}
}

func TestRegistersUntilItIsTaken(t *testing.T) {
	url, seen := gateway(t, 503, 200)
	p := start(t, []string{"SLUICE_SERVER=" + url, "SLUICE_TOKEN=t0", "PLUGIN_SIGNING_KEY=" + key}, "--register")
	until(t, func() bool { return p.output.entry("registered") != nil })
	if len(seen()) != 2 {
		t.Fatalf("asked %d times", len(seen()))
	}
	feature := seen()[1]
	if feature["asked"] != "POST /v1/features Bearer t0" || feature["name"] != "reference" || feature["signingKey"] != key {
		t.Errorf("%v", feature)
	}
	at := map[string]any{}
	for _, one := range feature["plugins"].([]any) {
		plugin := one.(map[string]any)
		at[plugin["callAddress"].(string)] = plugin
	}
	address := p.address(t)
	if at[address+"/gate"] == nil || at[address+"/decorate/again"].(map[string]any)["name"] != "again" {
		t.Errorf("%v", at)
	}
	states := at[address+"/hook"].(map[string]any)["jobSelector"].(map[string]any)["states"]
	if !reflect.DeepEqual(states, []any{"running", "suspended", "failed", "stopped"}) {
		t.Errorf("%v", states)
	}
}

func TestARefusedRegistrationIsToldAndItGoesOnServing(t *testing.T) {
	url, seen := gateway(t, 403)
	p := start(t, []string{"SLUICE_SERVER=" + url}, "--register")
	until(t, func() bool { return p.output.entry("not registered") != nil })
	if entry := p.output.entry("not registered"); entry.Error != "the feature is on" || entry.Status != 403 {
		t.Errorf("%v", entry)
	}
	if answer, err := http.Get(p.address(t) + "/healthz"); err != nil || answer.StatusCode != 200 {
		t.Errorf("%v %v", answer, err)
	}
	if len(seen()) != 1 {
		t.Errorf("asked %d times", len(seen()))
	}
}

func TestAFeatureFileOfOnesOwn(t *testing.T) {
	url, seen := gateway(t, 200)
	file := filepath.Join(t.TempDir(), "feature.json")
	if err := os.WriteFile(file, []byte(`{"name": "mine", "plugins": [{"callAddress": "{address}/gate"}]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, []string{"SLUICE_SERVER=" + url}, "--register", "--feature", file, "--address", "http://plugin.example:1/")
	until(t, func() bool { return len(seen()) > 0 })
	plugin := seen()[0]["plugins"].([]any)[0].(map[string]any)
	if plugin["callAddress"] != "http://plugin.example:1/gate" {
		t.Errorf("%v", plugin)
	}
}

func TestMoreCallsThanAllowedAreToldToComeAgain(t *testing.T) {
	started, goOn := make(chan bool, 1), make(chan bool)
	app := &sluice.App{Name: "narrow", Concurrency: 1, Log: func(sluice.Entry) {}}
	app.Gate(func(*sluice.Call) (sluice.GateAnswer, error) {
		started <- true
		<-goOn
		return sluice.Pass(""), nil
	})
	server := httptest.NewServer(app)
	defer server.Close()
	first := make(chan int)
	go func() { first <- post(t, server.URL+"/gate", call).StatusCode }()
	<-started
	second := post(t, server.URL+"/gate", call)
	if second.StatusCode != 503 || second.Header.Get("Retry-After") != "1" {
		t.Errorf("%v", second)
	}
	close(goOn)
	if status := <-first; status != 200 {
		t.Errorf("status %d", status)
	}
}

func TestNumbersAreGivenBackAsTheyCame(t *testing.T) {
	app := &sluice.App{Name: "exact", Log: func(sluice.Entry) {}}
	app.Decorator(func(*sluice.Call) error { return nil })
	server := httptest.NewServer(app)
	defer server.Close()
	const job = `{"a":12345678901234567890,"b":0.12345678901234567890,"c":1e400,"d":"<&>"}`
	answer, err := http.Post(server.URL+"/decorate", "", strings.NewReader(`{"header":{},"job":`+job+`}`))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(answer.Body)
	if string(text) != job {
		t.Errorf("%s", text)
	}
}

func kit() *sluice.App {
	app := &sluice.App{Name: "kit", Log: func(sluice.Entry) {}, Keys: [][]byte{[]byte("0123456789abcdef0123456789")}}
	app.Factors(func(*sluice.Call) ([]sluice.Factor, error) {
		return []sluice.Factor{{Topic: "priority", Advice: 1}}, nil
	})
	app.Gate(func(call *sluice.Call) (sluice.GateAnswer, error) {
		if call.Text("team") == "" {
			return sluice.GateAnswer{}, sluice.Refuse("header.team: is needed")
		}
		return sluice.Suspend("later"), nil
	}, sluice.Settings{"name": "late"})
	return app
}

func TestTheKitAsksAFunction(t *testing.T) {
	job := map[string]any{"kind": "TaskSet"}
	answer, err := plugintest.Ask(kit(), "/factors", job, nil)
	if err != nil || !reflect.DeepEqual(answer, map[string]any{"topic": "priority", "advice": 1.0}) {
		t.Errorf("%v %v", answer, err)
	}
	_, err = plugintest.Ask(kit(), "/gate/late", job, nil)
	if err == nil || !strings.Contains(err.Error(), "header.team: is needed") {
		t.Errorf("%v", err)
	}
}

func TestTheKitReplaysRecordedCalls(t *testing.T) {
	file := filepath.Join(t.TempDir(), "recorded.json")
	text := `{"protocol": 1, "calls": [
		{"pluginType": "AccessGate", "pluginKey": "AccessGate.kit.me.late",
		 "body": {"header": {"team": "red"}, "job": {}},
		 "answer": {"status": 200, "body": {"decision": "suspend", "reason": "later"}}},
		{"name": "wrong", "pluginType": "FactorGenerator", "body": {"header": {}, "job": {}},
		 "answer": {"status": 200, "body": {"topic": "priority", "advice": 2}}}]}`
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	differences, err := plugintest.Replay(kit(), file)
	if err != nil || len(differences) != 1 || !strings.HasPrefix(differences[0], "wrong: answers") {
		t.Errorf("%q %v", differences, err)
	}
}
