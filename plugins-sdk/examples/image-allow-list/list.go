package main

import (
	"fmt"
	"os"
	"path"
	"strings"
	"sync"
	"time"
)

type patterns []string

// allow tells whether an image is on the list. An image without a tag is `:latest`, as everywhere.
func (p patterns) allow(image string) bool {
	if last := image[strings.LastIndex(image, "/")+1:]; !strings.ContainsAny(last, ":@") {
		image += ":latest"
	}
	for _, pattern := range p {
		if matches(pattern, image) {
			return true
		}
	}
	return false
}

// matches: * and ? stand for anything but a slash; /** at the end for all that lies below.
func matches(pattern, image string) bool {
	if above := strings.TrimSuffix(pattern, "/**"); above != pattern {
		parts, depth := strings.Split(image, "/"), strings.Count(above, "/")+1
		if len(parts) <= depth {
			return false
		}
		image, pattern = strings.Join(parts[:depth], "/"), above
	}
	fits, err := path.Match(pattern, image)
	return err == nil && fits
}

// allowList is a file that may change at any time.
type allowList struct {
	path string

	lock     sync.Mutex
	changed  time.Time
	size     int64
	file     os.FileInfo
	patterns patterns
}

// read gives what is in the file now; it is only read when it is another one than before.
func (l *allowList) read() (patterns, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	info, err := os.Stat(l.path)
	if err != nil {
		return nil, fmt.Errorf("the list of images: %w", err)
	}
	if l.file != nil && os.SameFile(l.file, info) && info.ModTime().Equal(l.changed) && info.Size() == l.size {
		return l.patterns, nil
	}
	text, err := os.ReadFile(l.path)
	if err != nil {
		return nil, fmt.Errorf("the list of images: %w", err)
	}
	parsed, err := parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.path, err)
	}
	l.file, l.changed, l.size, l.patterns = info, info.ModTime(), info.Size(), parsed
	return parsed, nil
}

// parse takes a pattern a line; what follows a # is a remark.
func parse(text string) (patterns, error) {
	var list patterns
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if _, err := path.Match(line, ""); err != nil || strings.Contains(strings.TrimSuffix(line, "/**"), "**") {
			return nil, fmt.Errorf("line %d: %s: is no pattern; ** may stand at the end only, as registry/**", i+1, line)
		}
		list = append(list, line)
	}
	return list, nil
}
