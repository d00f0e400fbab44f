package sluice

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const pauseMaxSeconds = 30

// FeatureFromFile reads a feature of one's own; {address} in it stands for the service's address.
func FeatureFromFile(path, address string) (map[string]any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	filled := strings.ReplaceAll(string(text), "{address}", strings.TrimRight(address, "/"))
	var feature map[string]any
	if err := json.Unmarshal([]byte(filled), &feature); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return feature, nil
}

// postFeature registers once: the status, the gateway's words, and whether the feature is known to be off.
func postFeature(ctx context.Context, server, token string, feature map[string]any) (int, string, bool) {
	body, err := json.Marshal(feature)
	if err != nil {
		return http.StatusBadRequest, err.Error(), false
	}
	ctx, end := context.WithTimeout(ctx, 10*time.Second)
	defer end()
	request, err := http.NewRequestWithContext(ctx, "POST", strings.TrimRight(server, "/")+"/v1/features",
		bytes.NewReader(body))
	if err != nil {
		return http.StatusBadRequest, err.Error(), false
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	client := http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	answer, err := client.Do(request)
	if err != nil {
		return 0, err.Error(), false
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	var envelope struct {
		Msg     string
		Payload struct{ Enabled *bool }
	}
	_ = json.Unmarshal(text, &envelope) // an answer that is none of the gateway's has no words
	enabled := envelope.Payload.Enabled
	return answer.StatusCode, envelope.Msg, enabled != nil && !*enabled
}

// keepRegistering goes on until the gateway has taken or refused it. True when it was taken.
func (a *App) keepRegistering(ctx context.Context, server, token string, feature map[string]any) bool {
	for seconds := 1; ; seconds *= 2 {
		if seconds > pauseMaxSeconds {
			seconds = pauseMaxSeconds
		}
		status, words, isOff := postFeature(ctx, server, token, feature)
		switch {
		case ctx.Err() != nil:
			return false
		case status == 200:
			entry := Entry{Msg: "registered", Error: words}
			if isOff {
				entry.Next = fmt.Sprint("sluicectl feature on ", feature["name"])
			}
			a.log(entry)
			return true
		case status > 0 && status < 500 && status != 408 && status != 429:
			entry := Entry{Level: "error", Msg: "not registered", Status: status, Error: words}
			if status == http.StatusUnauthorized {
				entry.Next = "set SLUICE_TOKEN to a token that may register features"
			}
			a.log(entry)
			return false
		}
		a.log(Entry{Level: "warning", Msg: "not registered yet", Status: status, Error: words, AgainIn: seconds})
		select {
		case <-ctx.Done():
			return false
		case <-time.After(time.Duration(seconds) * time.Second):
		}
	}
}
