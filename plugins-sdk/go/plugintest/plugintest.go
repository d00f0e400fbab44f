// Package plugintest sends recorded calls through the functions of an App, without a network.
//
//	answer, err := plugintest.Ask(&app, "/gate", job, map[string]any{"team": "red"})
//	differences, err := plugintest.Replay(&app, "recorded.json")
package plugintest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	sluice "sluice.example/plugin"
)

const jobID = "01a200aa-b256-7000-92e5-148469c5c019"

// Send makes one call, signed where the app has keys: the status and the body.
func Send(app *sluice.App, path string, document any, headers map[string]string) (int, []byte) {
	body, err := json.Marshal(document)
	if err != nil {
		return 0, []byte(err.Error())
	}
	request := httptest.NewRequest("POST", path, bytes.NewReader(body))
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	if len(app.Keys) > 0 {
		now := time.Now()
		if app.Now != nil {
			now = app.Now()
		}
		id := request.Header.Get("webhook-id")
		if id == "" {
			id = "msg_test"
			request.Header.Set("webhook-id", id)
		}
		request.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
		request.Header.Set("webhook-signature", sluice.Sign(app.Keys[0], id, now.Unix(), body))
	}
	answer := httptest.NewRecorder()
	app.ServeHTTP(answer, request)
	return answer.Code, answer.Body.Bytes()
}

// Ask asks the plugin at this path about a job of user "test"; an answer other than 200 and 204 is
// an error with its words.
func Ask(app *sluice.App, path string, job, header map[string]any) (any, error) {
	all := map[string]any{"userID": "test", "jobName": "test", "jobKind": fmt.Sprint(job["kind"]), "jobID": jobID}
	for name, value := range header {
		all[name] = value
	}
	status, body := Send(app, path, map[string]any{"factors": map[string]any{}, "header": all, "job": job}, nil)
	if status == 204 {
		return nil, nil
	}
	if status != 200 {
		return nil, fmt.Errorf("status %d: %s", status, body)
	}
	var answer any
	return answer, json.Unmarshal(body, &answer)
}

func pathOf(recorded sluice.RecordedCall) string {
	// the plugin's key ends in its name, where it has one: TYPE.feature.author.name
	if parts := strings.Split(recorded.PluginKey, "."); len(parts) == 4 {
		return sluice.Path(recorded.PluginType, parts[3])
	}
	return sluice.Path(recorded.PluginType, "")
}

func difference(status int, body []byte, wanted map[string]any) string {
	if number, is := wanted["status"].(float64); is && int(number) != status {
		return fmt.Sprintf("status %d, not %d: %s", status, int(number), body)
	}
	if text, is := wanted["text"].(string); is && text != string(body) {
		return fmt.Sprintf("answers %s, not %s", body, text)
	}
	if document, is := wanted["body"]; is {
		var answer any
		if json.Unmarshal(body, &answer) != nil || !reflect.DeepEqual(answer, document) {
			text, _ := json.Marshal(document)
			return fmt.Sprintf("answers %s, not %s", body, text)
		}
	}
	return ""
}

// Replay sends every recorded call: what came out otherwise than the file says, in words.
func Replay(app *sluice.App, file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var recorded sluice.RecordedCalls
	if err := json.Unmarshal(text, &recorded); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var differences []string
	for i, call := range recorded.Calls {
		status, body := Send(app, pathOf(call), call.Body, call.Headers)
		name := call.Name
		if name == "" {
			name = fmt.Sprintf("call %d", i+1)
		}
		if words := difference(status, body, call.Answer); words != "" {
			differences = append(differences, name+": "+words)
		}
	}
	return differences, nil
}
