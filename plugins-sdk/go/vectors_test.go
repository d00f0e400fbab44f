package sluice_test

// Every SDK answers conformance/vectors.json alike: here over real sockets.

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	sluice "sluice.example/plugin"
)

type vector struct {
	Name    string
	Method  string
	Path    string
	Keys    []string
	Now     int64
	Headers map[string]string
	Body    json.RawMessage
	Text    *string
	Base64  string
	Bytes   int
	Deep    int
	Good    bool
	Answer  struct {
		Status  int
		Body    any
		Text    *string
		Error   *string
		Headers map[string]string
	}
}

func readVectors(t *testing.T) (signatures, calls []vector) {
	text, err := os.ReadFile("../conformance/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Signatures, Calls []vector }
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Signatures) == 0 || len(all.Calls) == 0 {
		t.Fatal("no vectors")
	}
	return all.Signatures, all.Calls
}

func (v *vector) body(t *testing.T) []byte {
	switch {
	case v.Text != nil:
		return []byte(*v.Text)
	case v.Base64 != "":
		bytes, err := base64.StdEncoding.DecodeString(v.Base64)
		if err != nil {
			t.Fatal(err)
		}
		return bytes
	case v.Bytes > 0:
		return bytes.Repeat([]byte(" "), v.Bytes)
	case v.Deep > 0:
		lists := strings.Repeat("[", v.Deep) + strings.Repeat("]", v.Deep)
		return []byte(`{"factors":{},"header":{},"job":` + lists + "}")
	}
	return v.Body
}

func (v *vector) keys(t *testing.T) [][]byte {
	keys, err := sluice.ParseKeys(strings.Join(v.Keys, " "))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func header(headers map[string]string) http.Header {
	all := http.Header{}
	for name, value := range headers {
		all.Set(name, value)
	}
	return all
}

func TestSignatures(t *testing.T) {
	signatures, _ := readVectors(t)
	for _, v := range signatures {
		t.Run(v.Name, func(t *testing.T) {
			var text string
			if err := json.Unmarshal(v.Body, &text); err != nil {
				t.Fatal(err)
			}
			if sluice.IsSigned(v.keys(t), header(v.Headers), []byte(text), time.Unix(v.Now, 0)) != v.Good {
				t.Errorf("must be %t", v.Good)
			}
		})
	}
}

func (v *vector) send(t *testing.T) (*http.Response, []byte) {
	app := reference()
	app.Keys, app.Now = v.keys(t), func() time.Time { return time.Unix(v.Now, 0) }
	server := httptest.NewServer(app)
	defer server.Close()
	request, err := http.NewRequest(v.Method, server.URL+v.Path, bytes.NewReader(v.body(t)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header(v.Headers)
	answer, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, text
}

func TestCalls(t *testing.T) {
	_, calls := readVectors(t)
	for _, v := range calls {
		t.Run(v.Name, func(t *testing.T) {
			answer, text := v.send(t)
			wanted := v.Answer
			if answer.StatusCode != wanted.Status {
				t.Fatalf("status %d, not %d: %s", answer.StatusCode, wanted.Status, text)
			}
			var document any
			_ = json.Unmarshal(text, &document)
			if wanted.Body != nil && !reflect.DeepEqual(document, wanted.Body) {
				t.Errorf("answers %s", text)
			}
			if wanted.Text != nil && string(text) != *wanted.Text {
				t.Errorf("answers %q, not %q", text, *wanted.Text)
			}
			if wanted.Error != nil {
				members, _ := document.(map[string]any)
				words, is := members["error"].(string)
				if !is || !strings.Contains(words, *wanted.Error) {
					t.Errorf("answers %s", text)
				}
			}
			for name, value := range wanted.Headers {
				if answer.Header.Get(name) != value {
					t.Errorf("%s: %q, not %q", name, answer.Header.Get(name), value)
				}
			}
			if bytes.Contains(text, []byte("swordfish")) {
				t.Error("tells what went wrong inside")
			}
		})
	}
}
