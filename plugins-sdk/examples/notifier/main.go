// notifier: a line in a chat for each job that ended.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/template"
	"time"

	sluice "sluice.example/plugin"
)

const (
	usual     = "{{.JobName}} of {{.UserID}} ({{.ID}}) is {{.CurrentState}}{{if .Reason}}: {{.Reason}}{{end}}"
	longest   = 2000 // characters of a line
	patience  = 8 * time.Second
	pauseLong = 3600 // seconds
)

// notifier posts {"text": LINE}, which Slack, Mattermost and others take.
type notifier struct {
	url    string
	line   *template.Template
	client *http.Client
}

// chatSafe: a job's name must not call everybody in the room.
var chatSafe = strings.NewReplacer("@", "@\u200b", "<", "‹", ">", "›")

func newNotifier(target, line string) (*notifier, error) {
	if parsed, err := url.Parse(target); err != nil || parsed.Host == "" || !strings.HasPrefix(parsed.Scheme, "http") {
		return nil, fmt.Errorf("NOTIFIER_URL: must be the address of a webhook, as https://chat.example/hooks/abc")
	}
	if line == "" {
		line = usual
	}
	parsed, err := template.New("NOTIFIER_LINE").Parse(line)
	if err == nil {
		err = parsed.Execute(io.Discard, sluice.HookBody{})
	}
	client := &http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	return &notifier{target, parsed, client}, err
}

func (n *notifier) tell(change *sluice.Change) (sluice.HookAnswer, error) {
	var text strings.Builder
	if err := n.line.Execute(&text, change.HookBody); err != nil {
		return sluice.Exception(err.Error()), nil
	}
	line := []rune(chatSafe.Replace(strings.Join(strings.Fields(text.String()), " ")))
	if len(line) > longest {
		line = append(line[:longest-1], '…')
	}
	if change.DryRun {
		return sluice.OK, nil
	}
	body, err := json.Marshal(map[string]string{"text": string(line)})
	if err != nil {
		return sluice.OK, err
	}
	request, err := http.NewRequestWithContext(change.Context, http.MethodPost, n.url, bytes.NewReader(body))
	if err != nil {
		return sluice.OK, err
	}
	request.Header.Set("Content-Type", "application/json")
	if change.CallID != "" { // the same when a change is told twice
		request.Header.Set("Idempotency-Key", change.CallID)
	}
	answer, err := n.client.Do(request)
	if err != nil {
		return sluice.RE, nil // it is down: the gateway tells it again
	}
	defer answer.Body.Close()
	words, _ := io.ReadAll(io.LimitReader(answer.Body, 300))
	return judge(answer, string(words))
}

func judge(answer *http.Response, words string) (sluice.HookAnswer, error) {
	switch status := answer.StatusCode; {
	case status >= 200 && status < 300:
		return sluice.OK, nil
	case status == 408 || status == 425 || status == 429 || status >= 500:
		seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
		if err == nil && seconds > 0 && seconds <= pauseLong {
			return sluice.RE, sluice.Unavailable(answer.Status, seconds)
		}
		return sluice.RE, nil
	default: // it will not take this, however often it is told
		return sluice.Exception(fmt.Sprintf("the webhook answered %s %s", answer.Status, words)), nil
	}
}

func newApp(n *notifier, states []string) *sluice.App {
	app := &sluice.App{Name: "notifier", Author: "examples", Description: "tells a chat how jobs ended"}
	app.Hook(states, n.tell)
	return app
}

func states() []string {
	named := strings.FieldsFunc(os.Getenv("NOTIFIER_STATES"), func(r rune) bool { return r == ',' || r == ' ' })
	if len(named) == 0 {
		return []string{"succeeded", "failed", "stopped"}
	}
	return named
}

func main() {
	n, err := newNotifier(os.Getenv("NOTIFIER_URL"), os.Getenv("NOTIFIER_LINE"))
	if err != nil {
		fmt.Fprintf(os.Stderr, "notifier: %v\n", err)
		os.Exit(2)
	}
	newApp(n, states()).Main()
}
