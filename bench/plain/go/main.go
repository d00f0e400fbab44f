// The least gate in Go: net/http and encoding/json, nothing checked but, with PLUGIN_SIGNING_KEY,
// the signature. Usage: gate PORT-FILE
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
)

func keyOf(text string) []byte {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
	return key
}

var key = keyOf(os.Getenv("PLUGIN_SIGNING_KEY"))

func isSigned(r *http.Request, body []byte) bool {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.", r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"))
	mac.Write(body)
	signature := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return hmac.Equal([]byte(signature), []byte(r.Header.Get("webhook-signature")))
}

type call struct {
	Factors, Header, Job map[string]any
}

func gate(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if len(key) > 0 && !isSigned(r, body) {
		http.Error(w, "not signed", http.StatusUnauthorized)
		return
	}
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
