// priority-class: what the factors advise becomes the priority class of pods.
package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"

	sluice "sluice.example/plugin"
)

// class is taken from this sum of advice on.
type class struct {
	Name     string   `json:"name"`
	From     *float64 `json:"from"`     // absent: the class of all that reach no other
	Priority *int32   `json:"priority"` // also as a number, for engines that know no classes
}

type table struct {
	Classes []class `json:"classes"`
}

var classes table

var app = sluice.App{Name: "priority-class", Author: "examples", Description: "priority factors become a priority class"}

func init() {
	app.Binder(func(call *sluice.Call) error {
		chosen := classes.choose(sum(call.Advice("priority")))
		if chosen == nil {
			return nil
		}
		for _, pod := range call.Pods() {
			if pod["priorityClassName"] != nil || pod["priority"] != nil {
				continue // what is there stays: a binder may only add
			}
			pod["priorityClassName"] = chosen.Name
			if chosen.Priority != nil {
				pod["priority"] = *chosen.Priority
			}
		}
		return nil
	}, sluice.Settings{"sideEffects": "none"})
}

// sum leaves out advice that is no number: it is for somebody else.
func sum(advice []string) float64 {
	total := 0.0
	for _, one := range advice {
		number, err := strconv.ParseFloat(one, 64)
		if err == nil && !math.IsInf(number, 0) && !math.IsNaN(number) {
			total += number
		}
	}
	return total
}

func (t *table) choose(total float64) *class {
	var chosen *class
	least := math.Inf(-1)
	for i := range t.Classes {
		one := &t.Classes[i]
		from := math.Inf(-1)
		if one.From != nil {
			from = *one.From
		}
		if total >= from && (chosen == nil || from > least) {
			chosen, least = one, from
		}
	}
	return chosen
}

func readTable(path string) (table, error) {
	var read table
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &read)
	}
	if err != nil {
		return read, fmt.Errorf("%s: %w", path, err)
	}
	for i, one := range read.Classes {
		if one.Name == "" {
			return read, fmt.Errorf("%s: classes[%d].name: is needed", path, i)
		}
	}
	if len(read.Classes) == 0 {
		return read, fmt.Errorf("%s: classes: needs at least one", path)
	}
	return read, nil
}

func main() {
	path := os.Getenv("PRIORITY_CLASSES")
	if path == "" {
		path = "classes.json"
	}
	var err error
	if classes, err = readTable(path); err != nil {
		fmt.Fprintf(os.Stderr, "priority-class: %v; PRIORITY_CLASSES names the file\n", err)
		os.Exit(1)
	}
	app.Main()
}
