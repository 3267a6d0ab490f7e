package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func some() options {
	return options{
		size: 512, work: 128, rounds: 1, timeout: time.Minute,
		delays: delayList{time.Millisecond, 50 * time.Millisecond}, dirty: dirtyList{0, 50, fastest},
	}
}

func TestFiguresAreOneEach(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range cells(some()) {
		for _, id := range c.ids() {
			if seen[id] || strings.ContainsAny(id, " ,") {
				t.Errorf("figure %q is there twice, or no word", id)
			}
			seen[id] = true
		}
	}
	if len(seen) != 2*3*len(kinds) {
		t.Errorf("%d figures", len(seen))
	}
}

func TestListsAreReadAsTheyAreWritten(t *testing.T) {
	o := some()
	var dirty dirtyList
	var delays delayList
	if err := dirty.Set(o.dirty.String()); err != nil || !slices.Equal(dirty, o.dirty) {
		t.Errorf("%v, %v", dirty, err)
	}
	if err := delays.Set("1ms,50ms"); err != nil || !slices.Equal(delays, o.delays) {
		t.Errorf("%v, %v", delays, err)
	}
	for _, text := range []string{"", "x", "1,", "-5"} {
		if dirty.Set(text) == nil {
			t.Errorf("rates %q: no error", text)
		}
		if delays.Set(text) == nil {
			t.Errorf("delays %q: no error", text)
		}
	}
}

func TestWhatCannotBeMeasuredIsRefused(t *testing.T) {
	o := some()
	if err := o.check(); err != nil {
		t.Errorf("what can be: %v", err)
	}
	for name, change := range map[string]func(*options){
		"no rounds":         func(o *options) { o.rounds = 0 },
		"no links":          func(o *options) { o.delays = nil },
		"no rates":          func(o *options) { o.dirty = nil },
		"too little memory": func(o *options) { o.size = 200 },
		"nothing to write":  func(o *options) { o.work = 0 },
	} {
		o := some()
		change(&o)
		if o.check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestAWriterGoesRound(t *testing.T) {
	w := &writer{memory: make([]byte, 3*pageSize)}
	for range 3 {
		w.page()
	}
	if w.next != 0 {
		t.Errorf("after all pages it is at %d", w.next)
	}
	first := slices.Clone(w.memory[:pageSize])
	w.page()
	if slices.Equal(first, w.memory[:pageSize]) {
		t.Error("the second round writes what the first did")
	}
}
