package handoff

import (
	"encoding/json"
	"strings"
	"testing"
)

const someSession = "000102030405060708090a0b0c0d0e0f"

func TestRecordsAreKeptAsJSON(t *testing.T) {
	session := Session{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	for _, c := range []struct {
		record any
		text   string
	}{
		{SourceRecord{Session: session, Fate: HandedOver}, `{"session":"` + someSession + `","fate":"handed-over"}`},
		{SourceRecord{Session: session, Fate: TakenBack, Operator: true}, `{"session":"` + someSession + `","fate":"taken-back","operator":true}`},
		{SourceRecord{Session: session, Fate: Moved}, `{"session":"` + someSession + `","fate":"moved"}`},
		{TargetRecord{Session: session, Fate: Prepared}, `{"session":"` + someSession + `","fate":"prepared"}`},
		{TargetRecord{Session: session, Fate: Running}, `{"session":"` + someSession + `","fate":"running"}`},
		{TargetRecord{Session: session, Fate: Aborted}, `{"session":"` + someSession + `","fate":"aborted"}`},
	} {
		text, err := json.Marshal(c.record)
		if err != nil || string(text) != c.text {
			t.Errorf("%+v: %s, %v; want %s", c.record, text, err, c.text)
		}
		switch want := c.record.(type) {
		case SourceRecord:
			var got SourceRecord
			if err := json.Unmarshal(text, &got); err != nil || got != want || got.Check() != nil {
				t.Errorf("%s: %+v, %v, %v", text, got, err, got.Check())
			}
		case TargetRecord:
			var got TargetRecord
			if err := json.Unmarshal(text, &got); err != nil || got != want || got.Check() != nil {
				t.Errorf("%s: %+v, %v, %v", text, got, err, got.Check())
			}
		}
	}
}

func TestRecordsThatAreWrongAreRefused(t *testing.T) {
	for _, c := range []struct{ text, word string }{
		{`{}`, "has no session"},
		{`{"session":"` + strings.Repeat("0", 32) + `","fate":"running"}`, "has no session"},
		{`{"session":"` + someSession + `"}`, "unknown fate 0"},
		{`{"session":"` + someSession + `","fate":""}`, `unknown word ""`},
		{`{"session":"` + someSession + `","fate":"given"}`, `unknown word "given"`},
		{`{"session":"` + someSession + `","fate":1}`, "cannot unmarshal number"},
		{`{"session":"00","fate":"running"}`, "2 characters, not 32"},
		{`{"session":"` + strings.Repeat("x", 32) + `","fate":"running"}`, "invalid byte"},
	} {
		var source SourceRecord
		if err := readRecord(strings.Replace(c.text, "running", "moved", 1), &source); err == nil || !strings.Contains(err.Error(), c.word) {
			t.Errorf("source %s: %v, want %q", c.text, err, c.word)
		}
		var target TargetRecord
		if err := readRecord(c.text, &target); err == nil || !strings.Contains(err.Error(), c.word) {
			t.Errorf("target %s: %v, want %q", c.text, err, c.word)
		}
	}
	var byHand SourceRecord
	if err := readRecord(`{"session":"`+someSession+`","fate":"handed-over","operator":true}`, &byHand); err == nil {
		t.Error("an operator handed a machine over")
	}
	for _, record := range []any{SourceRecord{Fate: 9}, TargetRecord{Fate: 9}, SourceRecord{}, TargetRecord{}} {
		if text, err := json.Marshal(record); err == nil {
			t.Errorf("%+v is written as %s", record, text)
		}
	}
	if _, _, err := RestoreSource(SourceRecord{Session: Session{1}, Fate: 9}); err == nil {
		t.Error("a source was made of a wrong record")
	}
	if _, _, err := RestoreTarget(TargetRecord{Fate: Running}); err == nil {
		t.Error("a target was made of a wrong record")
	}
}

func readRecord(text string, into interface{ Check() error }) error {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return err
	}
	return into.Check()
}

// FuzzRecord reads records of both sides: what passes Check is restored and comes out
// as it went in.
func FuzzRecord(f *testing.F) {
	for _, fate := range append(sourceFates, targetFates...) {
		f.Add(`{"session":"` + someSession + `","fate":"` + fate + `"}`)
	}
	f.Add(`{"session":"` + someSession + `","fate":"moved","operator":true}`)
	f.Add(`{"session":"","fate":null}`)
	f.Fuzz(func(t *testing.T, text string) {
		var source SourceRecord
		if readRecord(text, &source) == nil {
			if s, actions, err := RestoreSource(source); err != nil || s.Session() != source.Session || len(actions) != 1 || actions[0].Record != source {
				t.Errorf("%+v: restored to %v, %v", source, actions, err)
			}
			var again SourceRecord
			if out, err := json.Marshal(source); err != nil || readRecord(string(out), &again) != nil || again != source {
				t.Errorf("%+v comes out as %s, %v", source, out, err)
			}
		}
		var target TargetRecord
		if readRecord(text, &target) == nil {
			if s, actions, err := RestoreTarget(target); err != nil || s.Session() != target.Session || len(actions) != 1 {
				t.Errorf("%+v: restored to %v, %v", target, actions, err)
			}
			var again TargetRecord
			if out, err := json.Marshal(target); err != nil || readRecord(string(out), &again) != nil || again != target {
				t.Errorf("%+v comes out as %s, %v", target, out, err)
			}
		}
	})
}
