package main

import (
	"os"
	"path/filepath"
	"testing"

	"sluice.example/plugin/plugintest"
)

func TestRecordedCalls(t *testing.T) {
	differences, err := plugintest.Replay(&app, "calls.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, difference := range differences {
		t.Error(difference)
	}
}

func TestPatterns(t *testing.T) {
	for _, one := range []struct {
		pattern, image string
		fits           bool
	}{
		{"alpine:3.*", "alpine:3.19", true}, {"alpine:3.*", "alpine", false}, {"alpine:*", "alpine", true},
		{"alpine:*", "evil/alpine:3", false}, {"*", "a/b", false}, {"r.example/**", "r.example/a/b:1", true},
		{"r.example/**", "r.example.evil/a:1", false}, {"r.example/**", "r.example", false},
		{"*.example/t/**", "r.example/t/a@sha256:00", true}, {"r.example:5000/a:1", "r.example:5000/a:1", true},
		{"r.example:5000/a:latest", "r.example:5000/a", true},
	} {
		if (patterns{one.pattern}).allow(one.image) != one.fits {
			t.Errorf("%s and %s: not %v", one.pattern, one.image, one.fits)
		}
	}
}

func TestTheListIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "list")
	write := func(text string) {
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	one := allowList{path: file}
	for _, image := range []string{"a:1", "b:1"} {
		write(image + " # that one\n")
		list, err := one.read()
		if err != nil || len(list) != 1 || !list.allow(image) {
			t.Error(list, err)
		}
	}
	write("a/**/b\n")
	if _, err := one.read(); err == nil {
		t.Error("a bad pattern was taken")
	}
	os.Remove(file)
	if _, err := one.read(); err == nil {
		t.Error("a list that is gone lets nothing pass")
	}
}
