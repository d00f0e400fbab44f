package sluice

import (
	"encoding/json"
	"os"
	"time"
)

// Entry is a line of the log.
type Entry struct {
	Time    string  `json:"time"`
	Level   string  `json:"level"`
	Msg     string  `json:"msg"`
	Plugin  string  `json:"plugin,omitempty"`
	Type    string  `json:"type,omitempty"`
	Job     string  `json:"job,omitempty"`
	Call    string  `json:"call,omitempty"`
	Status  int     `json:"status,omitempty"`
	Ms      float64 `json:"ms,omitempty"`
	Address string  `json:"address,omitempty"`
	Error   string  `json:"error,omitempty"`
	AgainIn int     `json:"again_in_s,omitempty"`
	Next    string  `json:"next,omitempty"`
}

func (a *App) log(entry Entry) {
	entry.Time = time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	if entry.Level == "" {
		entry.Level = "info"
	}
	if entry.Plugin == "" {
		entry.Plugin = a.Name
	}
	if a.Log != nil {
		a.Log(entry)
		return
	}
	line, _ := json.Marshal(entry)
	_, _ = os.Stderr.Write(append(line, '\n')) // there is nowhere to tell of a log that is gone
}
