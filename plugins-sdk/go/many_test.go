package sluice_test

// Calls one after the other and many at once: nothing of one is left over for another.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	sluice "sluice.example/plugin"
)

// kept is a plugin that keeps the job of each call by the call's id.
func kept() (*sluice.App, func(id string) map[string]any) {
	var mutex sync.Mutex
	jobs := map[string]map[string]any{}
	app := &sluice.App{Name: "kept", Log: func(sluice.Entry) {}}
	app.Gate(func(call *sluice.Call) (sluice.GateAnswer, error) {
		mutex.Lock()
		defer mutex.Unlock()
		jobs[call.CallID] = call.Job
		return sluice.Pass(call.Text("say")), nil
	})
	return app, func(id string) map[string]any {
		mutex.Lock()
		defer mutex.Unlock()
		return jobs[id]
	}
}

func ask(app *sluice.App, headers map[string]string, body string) *httptest.ResponseRecorder {
	request := httptest.NewRequest("POST", "/gate", strings.NewReader(body))
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	app.ServeHTTP(answer, request)
	return answer
}

func TestARefusedBodyLeavesNothingBehind(t *testing.T) {
	app, job := kept()
	good := `{"header":{"say":"%d"},"job":{"n":%d}}`
	bad := []string{`{"header":{},"job":{}} {"header":{"say":"other"},"job":{}}`, `{"header":{"say":"cut`, `[1,2]`, `null`,
		`7 `, "", `{"header":{},"job":{}}]`, "{\"header\":{\"a\":\"\xff\"},\"job\":{}}", `"` + strings.Repeat("x", 200<<10)}
	for i := 0; i < 200; i++ {
		if status := ask(app, nil, bad[i%len(bad)]).Code; status != 400 {
			t.Fatalf("%.40q: status %d", bad[i%len(bad)], status)
		}
		id := fmt.Sprint(i)
		answer := ask(app, map[string]string{"Webhook-Id": id}, fmt.Sprintf(good, i, i)+strings.Repeat(" \n", i%3))
		if want := fmt.Sprintf(`{"decision":"pass","reason":"%d"}`, i); answer.Code != 200 || answer.Body.String() != want {
			t.Fatalf("status %d: %s", answer.Code, answer.Body)
		}
		if job(id)["n"] != json.Number(id) {
			t.Fatalf("%v", job(id))
		}
	}
}

func TestWhatAFunctionKeepsStaysAsItCame(t *testing.T) {
	app, job := kept()
	var all sync.WaitGroup
	for worker := 0; worker < 8; worker++ {
		all.Add(1)
		go func(worker int) {
			defer all.Done()
			for i := 0; i < 50; i++ {
				id := fmt.Sprint(worker, "-", i)
				ask(app, map[string]string{"Webhook-Id": id},
					fmt.Sprintf(`{"header":{},"job":{"id":%q,"%s":[%d.50]}}`, id, strings.Repeat("x", 10*i), i))
			}
		}(worker)
	}
	all.Wait()
	for worker := 0; worker < 8; worker++ {
		for i := 0; i < 50; i++ {
			id := fmt.Sprint(worker, "-", i)
			text, _ := json.Marshal(job(id)[strings.Repeat("x", 10*i)])
			if job(id)["id"] != id || string(text) != fmt.Sprintf("[%d.50]", i) {
				t.Fatalf("%s: %v", id, job(id))
			}
		}
	}
}

// whileAsked gives the context of a call with this deadline to the function.
func whileAsked(t *testing.T, ms string, parent context.Context, look func(ctx context.Context)) context.Context {
	t.Helper()
	var seen context.Context
	app := &sluice.App{Name: "late", Log: func(sluice.Entry) {}}
	app.Gate(func(call *sluice.Call) (sluice.GateAnswer, error) {
		seen = call.Context
		look(seen)
		return sluice.Pass(""), nil
	})
	request := httptest.NewRequest("POST", "/gate", strings.NewReader(call)).WithContext(parent)
	request.Header.Set("Sluice-Deadline-Ms", ms)
	answer := httptest.NewRecorder()
	app.ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	return seen
}

type name struct{}

func TestTheDeadlineEndsTheContext(t *testing.T) {
	background := context.WithValue(context.Background(), name{}, "value")
	whileAsked(t, "1", background, func(ctx context.Context) {
		child, end := context.WithCancel(ctx)
		defer end()
		<-child.Done()
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) || !errors.Is(child.Err(), context.DeadlineExceeded) {
			t.Errorf("%v, %v", ctx.Err(), child.Err())
		}
	})
	asked := false
	ended := whileAsked(t, "600000", background, func(ctx context.Context) {
		at, has := ctx.Deadline()
		asked = has && time.Until(at) > time.Minute && ctx.Value(name{}) == "value" && ctx.Err() == nil
	})
	if !asked || !errors.Is(ended.Err(), context.Canceled) {
		t.Errorf("%t, then %v", asked, ended.Err())
	}
	unseen := whileAsked(t, "600000", background, func(context.Context) {})
	select {
	case <-unseen.Done():
	case <-time.After(time.Minute):
		t.Error("goes on behind the call")
	}
}

func TestACallerWhoGoesAwayEndsTheContext(t *testing.T) {
	parent, leave := context.WithCancel(context.Background())
	whileAsked(t, "600000", parent, func(ctx context.Context) {
		leave()
		<-ctx.Done()
		if !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("%v", ctx.Err())
		}
	})
	sooner, end := context.WithTimeout(context.Background(), time.Hour)
	defer end()
	whileAsked(t, "999999999", sooner, func(ctx context.Context) {
		wanted, _ := sooner.Deadline()
		if at, _ := ctx.Deadline(); !at.Equal(wanted) {
			t.Errorf("%v, not %v", at, wanted)
		}
	})
}

func TestEachCallIsALineOfItsOwn(t *testing.T) {
	p := start(t, nil)
	address := p.address(t)
	const workers, each = 8, 60
	var all sync.WaitGroup
	for worker := 0; worker < workers; worker++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; i < each; i++ {
				post(t, address+"/gate", call)
			}
		}()
	}
	all.Wait()
	until(t, func() bool { return strings.Count(p.output.String(), `"msg":"call"`) == workers*each })
	for _, line := range strings.Split(strings.TrimSpace(p.output.String()), "\n") {
		var entry sluice.Entry
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Time == "" || entry.Level == "" {
			t.Fatalf("%q: %v", line, err)
		}
	}
}
