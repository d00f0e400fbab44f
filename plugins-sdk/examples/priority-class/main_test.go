package main

import (
	"os"
	"path/filepath"
	"testing"

	"sluice.example/plugin/plugintest"
)

func TestRecordedCalls(t *testing.T) {
	var err error
	if classes, err = readTable("classes.json"); err != nil {
		t.Fatal(err)
	}
	differences, err := plugintest.Replay(&app, "calls.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, difference := range differences {
		t.Error(difference)
	}
}

func TestChoice(t *testing.T) {
	read, err := readTable("classes.json")
	if err != nil {
		t.Fatal(err)
	}
	for total, name := range map[float64]string{-1: "batch-idle", 0: "batch-normal", 9.5: "batch-normal", 10: "batch-high"} {
		if got := read.choose(total); got == nil || got.Name != name {
			t.Error(total, got)
		}
	}
	if got := sum([]string{"4", "-1.5", "soon", "NaN", "+Inf"}); got != 2.5 {
		t.Error(got)
	}
}

func TestBadTables(t *testing.T) {
	for _, text := range []string{"", "{}", `{"classes": [{"from": 1}]}`, `{"classes": [{"name": 1}]}`} {
		file := filepath.Join(t.TempDir(), "table")
		os.WriteFile(file, []byte(text), 0o600)
		if _, err := readTable(file); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}
