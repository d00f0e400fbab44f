package sluice

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	toleranceSeconds = 300
	keyPrefix        = "whsec_"
)

// ParseKeys reads the bytes of "whsec_..." keys, separated by white space.
func ParseKeys(text string) ([][]byte, error) {
	var keys [][]byte
	for i, word := range strings.Fields(text) {
		if !strings.HasPrefix(word, keyPrefix) {
			return nil, fmt.Errorf("signing key %d: must start with %s", i+1, keyPrefix)
		}
		key, err := base64.StdEncoding.DecodeString(word[len(keyPrefix):])
		if err != nil {
			return nil, fmt.Errorf("signing key %d: no base64 behind %s", i+1, keyPrefix)
		}
		if len(key) < 24 || len(key) > 64 {
			return nil, fmt.Errorf("signing key %d: has %d bytes, must have 24 to 64", i+1, len(key))
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// Sign makes what the gateway writes into webhook-signature; for tests and test kits.
func Sign(key []byte, id string, timestamp int64, body []byte) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.", id, timestamp)
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// IsSigned tells whether a signature of these headers fits the bytes of the body, as Standard
// Webhooks 1.0 (https://www.standardwebhooks.com) says it. Several signatures may come and several
// keys may be set, while one replaces the other: one pair that fits is enough.
func IsSigned(keys [][]byte, headers http.Header, body []byte, now time.Time) bool {
	id, stamp := headers.Get("Webhook-Id"), headers.Get("Webhook-Timestamp")
	if id == "" || strings.Trim(stamp, "0123456789") != "" {
		return false
	}
	sent, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return false
	}
	late := now.Unix() - sent
	if late > toleranceSeconds || late < -toleranceSeconds {
		return false
	}
	fits := false
	for _, key := range keys {
		wanted := []byte(Sign(key, id, sent, body))
		for _, given := range strings.Fields(headers.Get("Webhook-Signature")) {
			fits = hmac.Equal([]byte(given), wanted) || fits
		}
	}
	return fits
}
