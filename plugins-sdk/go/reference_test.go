package sluice_test

// The plugin of conformance/README.md, as this SDK writes it.

import (
	"fmt"

	sluice "sluice.example/plugin"
)

func translate(call *sluice.Call) (sluice.TaskSet, error) {
	words, is := call.Job["words"].(string)
	if !is {
		return nil, sluice.Refuse("job.words: must be a text")
	}
	container := map[string]any{"name": "main", "command": []string{"echo", words}}
	template := map[string]any{"spec": map[string]any{"containers": []any{container}}}
	return sluice.TaskSet{"apiVersion": "sluice/v1", "kind": "TaskSet",
		"metadata": map[string]any{"name": call.Header["jobName"]},
		"spec":     map[string]any{"roles": []any{map[string]any{"name": "main", "template": template}}}}, nil
}

func factors(call *sluice.Call) ([]sluice.Factor, error) {
	switch call.Text("level") {
	case "gold":
		return []sluice.Factor{{Topic: "priority", Advice: "10", Reason: "gold"}}, nil
	case "none":
		return nil, nil
	}
	return []sluice.Factor{{Topic: "priority", Advice: "1", Reason: "standard"},
		{Topic: "queue", Advice: "shared", Reason: "standard"}}, nil
}

func facts(call *sluice.Call) string {
	deadline := "none"
	if _, is := call.Context.Deadline(); is {
		deadline = "some"
	}
	return fmt.Sprintf("attempt=%d dry=%t id=%s deadline=%s", call.Attempt, call.DryRun, call.CallID, deadline)
}

func gate(call *sluice.Call) (sluice.GateAnswer, error) {
	switch call.Text("want") {
	case "pass":
		return sluice.Pass("as you wish"), nil
	case "suspend":
		answer := sluice.Suspend("not now")
		answer.ReasonCode, answer.RetryAfterSec, answer.OnResume = "not_now", 30, "ask"
		return answer, nil
	case "expire":
		answer := sluice.Suspend("soon too late")
		answer.ExpiresAt = "2030-01-01T00:00:00Z"
		return answer, nil
	case "stop":
		answer := sluice.Stop("never")
		answer.ReasonCode = "never_ever"
		return answer, nil
	case "unavailable":
		return sluice.GateAnswer{}, sluice.Unavailable("the list is being read", 7)
	case "facts":
		return sluice.Pass(facts(call)), nil
	case "shape":
		return sluice.GateAnswer{Decision: "7"}, nil
	}
	panic("a secret: the password is swordfish")
}

func reference() *sluice.App {
	app := &sluice.App{Name: "reference", Log: func(sluice.Entry) {}}
	app.Translator(translate)
	app.Factors(factors)
	app.Gate(gate)
	app.Decorator(func(call *sluice.Call) error {
		call.Object("metadata", "labels")["team"] = call.Header["team"]
		return nil
	})
	app.Decorator(func(call *sluice.Call) error {
		call.Object("metadata", "annotations")["seen"] = "yes"
		return nil
	}, sluice.Settings{"name": "again"})
	app.Binder(func(call *sluice.Call) error {
		call.Object("spec")["engine"] = "local"
		return nil
	})
	app.Hook([]string{"running", "suspended", "failed", "stopped"},
		func(change *sluice.Change) (sluice.HookAnswer, error) {
			switch change.CurrentState {
			case "running":
				return sluice.OK, nil
			case "suspended":
				return sluice.RE, nil
			case "failed":
				return sluice.Exception("no mail server"), nil
			}
			return "", nil
		})
	return app
}
