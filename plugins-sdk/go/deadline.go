package sluice

import (
	"context"
	"sync"
	"time"
)

// deadline is a context with one whose timer is made when somebody waits for it: few functions do,
// and a timer for each call costs more than reading its headers.
type deadline struct {
	parent context.Context
	at     time.Time

	lock  sync.Mutex
	made  context.Context
	stop  context.CancelFunc
	ended bool
}

// context is the one with a timer.
func (d *deadline) context() context.Context {
	d.lock.Lock()
	defer d.lock.Unlock()
	if d.made == nil {
		d.made, d.stop = context.WithDeadline(d.parent, d.at)
		if d.ended {
			d.stop()
		}
	}
	return d.made
}

// end is for when the call is over.
func (d *deadline) end() {
	d.lock.Lock()
	defer d.lock.Unlock()
	d.ended = true
	if d.stop != nil {
		d.stop()
	}
}

func (d *deadline) Deadline() (time.Time, bool) {
	if before, has := d.parent.Deadline(); has && before.Before(d.at) {
		return before, true
	}
	return d.at, true
}

func (d *deadline) Done() <-chan struct{} { return d.context().Done() }
func (d *deadline) Err() error            { return d.context().Err() }
func (d *deadline) Value(key any) any     { return d.context().Value(key) }
