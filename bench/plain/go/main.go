// The least gate in Go: net/http and encoding/json, nothing checked. Usage: gate PORT-FILE
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

type call struct {
	Factors, Header, Job map[string]any
}

func gate(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var c call
	if err == nil {
		err = json.Unmarshal(body, &c)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	decision := "stop"
	if c.Header["team"] == "red" {
		decision = "pass"
	}
	answer, _ := json.Marshal(map[string]string{"decision": decision, "reason": "only team red"})
	w.Header().Set("Content-Type", "application/json")
	w.Write(answer)
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = os.WriteFile(os.Args[1], []byte(fmt.Sprintln(listener.Addr().(*net.TCPAddr).Port)), 0o644)
	}
	if err == nil {
		err = http.Serve(listener, http.HandlerFunc(gate))
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
