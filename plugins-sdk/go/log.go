package sluice

import (
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
	lines   []byte
}

func (b *behind) start(yes bool) {
	b.lock.Lock()
	b.started = yes
	b.lock.Unlock()
	b.flush()
}

func (b *behind) put(line []byte, atOnce bool) {
	b.lock.Lock()
	first := len(b.lines) == 0
	b.lines = append(b.lines, line...)
	atOnce = atOnce || !b.started || len(b.lines) >= behindSize
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
	lines := b.lines
	b.lines = nil
	b.lock.Unlock()
	if len(lines) > 0 {
		_, _ = os.Stderr.Write(lines) // there is nowhere to tell of a log that is gone
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
	line, _ := json.Marshal(entry)
	a.behind.put(append(line, '\n'), entry.Level != "info")
}
