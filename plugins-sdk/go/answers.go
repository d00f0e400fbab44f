package sluice

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Pass lets the job go on. The reason may be empty.
func Pass(reason string) GateAnswer {
	return GateAnswer{Decision: "pass", Reason: words(reason)}
}

// Suspend keeps the job back until it is resumed. Set further members of the answer as you like:
// RetryAfterSec, ExpiresAt, ReasonCode, OnResume.
func Suspend(reason string) GateAnswer {
	return GateAnswer{Decision: "suspend", Reason: words(reason)}
}

// Stop ends the job, for good.
func Stop(reason string) GateAnswer {
	return GateAnswer{Decision: "stop", Reason: words(reason)}
}

func words(reason string) any {
	if reason == "" {
		return nil
	}
	return reason
}

// HookAnswer is what a LifeHook says of a change; the zero value is OK.
type HookAnswer string

const (
	OK HookAnswer = "OK" // done
	RE HookAnswer = "RE" // tell me again later
)

// Exception says: do not tell me again; the words are kept for whoever looks after it.
func Exception(words string) HookAnswer {
	return HookAnswer(strings.TrimSpace("EX " + strings.Join(strings.Fields(words), " ")))
}

type refusal struct{ words string }

func (r refusal) Error() string { return r.words }

// Refuse is the error of a job that cannot be worked with: it fails, and its submitter reads the
// words. Name the place: Refuse("job.steps[%d].name: must be a text", i).
func Refuse(format string, args ...any) error {
	return refusal{fmt.Sprintf(format, args...)}
}

type unavailable struct {
	words   string
	seconds int
}

func (u unavailable) Error() string { return u.words }

// Unavailable is the error of a plugin that cannot answer right now: the job waits, and the
// question comes again.
func Unavailable(words string, seconds int) error {
	if seconds < 1 {
		seconds = 1
	}
	return unavailable{words, seconds}
}

// problemOf is the status that an error of a function is answered with, its words for the answer,
// and what goes with it.
func problemOf(err error) *reply {
	var refused refusal
	var later unavailable
	switch {
	case errors.As(err, &refused):
		return problem(400, err.Error())
	case errors.As(err, &later):
		return problem(503, err.Error()).with("Retry-After", strconv.Itoa(later.seconds))
	default:
		return problem(500, "internal error")
	}
}
