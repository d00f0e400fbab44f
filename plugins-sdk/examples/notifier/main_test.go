package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	sluice "sluice.example/plugin"
	"sluice.example/plugin/plugintest"
)

// chat is a webhook that answers with a status and keeps the last line.
func chat(t *testing.T, status int, line *string) *notifier {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Text string }
		if json.NewDecoder(r.Body).Decode(&body) != nil {
			t.Error("not JSON")
		}
		*line = body.Text
		w.WriteHeader(status)
		w.Write([]byte("no such channel"))
	}))
	t.Cleanup(server.Close)
	n, err := newNotifier(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func change() *sluice.Change {
	made := &sluice.Change{HookBody: sluice.HookBody{ID: "1", CurrentState: "failed", UserID: "ann",
		JobName: "a\n<!channel> @all " + strings.Repeat("x", 3000)}}
	made.Context = context.Background()
	return made
}

func TestRecordedCalls(t *testing.T) {
	var line string
	differences, err := plugintest.Replay(newApp(chat(t, 200, &line), states()), "calls.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, difference := range differences {
		t.Error(difference)
	}
	if line != "hello of ann (01a200aa-b256-7000-92e5-148469c5c019) is failed: exit code 1" {
		t.Error(line)
	}
}

func TestAnswersOfTheChat(t *testing.T) {
	var line string
	for status, word := range map[int]string{204: "OK", 404: "EX", 302: "EX", 429: "RE", 503: "RE"} {
		answer, err := chat(t, status, &line).tell(change())
		if err != nil || !strings.HasPrefix(string(answer), word) {
			t.Error(status, answer, err)
		}
	}
	if len([]rune(line)) > longest || strings.ContainsAny(line, "<>\n") || strings.Contains(line, "@all") {
		t.Errorf("%q", line)
	}
}

func TestAChatThatIsDown(t *testing.T) {
	n, err := newNotifier("http://127.0.0.1:1/", "")
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := n.tell(change()); answer != sluice.RE || err != nil {
		t.Error(answer, err)
	}
}

func TestBadSettings(t *testing.T) {
	for _, one := range [][2]string{{"", ""}, {"chat.example", ""}, {"http://c/", "{{.Nothing}}"}, {"http://c/", "{{"}} {
		if _, err := newNotifier(one[0], one[1]); err == nil {
			t.Error(one)
		}
	}
}
