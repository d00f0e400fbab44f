package sluice

import (
	"bytes"
	"encoding/json"
	"os"
	"sync"
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

const (
	behindTime = 100 * time.Millisecond // a line of level info is written so much later at most,
	behindSize = 64 << 10               // or with so many others
)

// behind writes lines a little later, many at once: a write a call costs more than all the rest of
// the line. The zero value is ready; it writes nothing behind until it is started.
type behind struct {
	writing sync.Mutex // taken before lock, held over a write: lines stay in their order
	lock    sync.Mutex
	started bool
	lines   [2]bytes.Buffer // one is filled
	filled  int             // while the other is written
	encoder *json.Encoder   // into the one
}

func (b *behind) start(yes bool) {
	b.lock.Lock()
	b.started = yes
	b.lock.Unlock()
	b.flush()
}

// Write is where the encoder leaves a line.
func (b *behind) Write(line []byte) (int, error) { return b.lines[b.filled].Write(line) }

// put encodes the entry into the lines.
func (b *behind) put(entry *Entry) {
	b.lock.Lock()
	if b.encoder == nil {
		b.encoder = json.NewEncoder(b)
	}
	lines := &b.lines[b.filled]
	first := lines.Len() == 0
	_ = b.encoder.Encode(entry) // texts and numbers: there is nothing that cannot be
	atOnce := entry.Level != "info" || !b.started || lines.Len() >= behindSize
	b.lock.Unlock()
	if atOnce {
		b.flush()
	} else if first {
		time.AfterFunc(behindTime, b.flush)
	}
}

func (b *behind) flush() {
	b.writing.Lock()
	defer b.writing.Unlock()
	b.lock.Lock()
	lines := &b.lines[b.filled]
	b.filled = 1 - b.filled
	b.lock.Unlock()
	if lines.Len() > 0 {
		_, _ = os.Stderr.Write(lines.Bytes()) // there is nowhere to tell of a log that is gone
	}
	if lines.Reset(); lines.Cap() > 2*behindSize {
		*lines = bytes.Buffer{}
	}
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
	a.behind.put(&entry)
}
