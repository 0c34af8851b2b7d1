package suite

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// Checks runs checks one after another and prints one JSON line for each.
type Checks struct {
	Failed int
}

// Run does one check; an error or a panic fails it and the next one still runs.
func (c *Checks) Run(name string, body func() (any, error)) {
	started := time.Now()
	detail, err := guarded(body)
	if err != nil {
		c.Failed++
		detail = err
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	}
	text := fmt.Sprint(detail)
	print(map[string]any{"check": name, "ok": err == nil, "detail": text[:min(len(text), 500)], "seconds": time.Since(started).Seconds()})
}

func guarded(body func() (any, error)) (detail any, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v", fault)
		}
	}()
	return body()
}

func print(line map[string]any) {
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
}

// eventually asks until the answer is the wanted one, for at most five seconds: a broker's view may lag its controller.
func eventually(wanted string, ask func() (string, error)) error {
	limit := time.Now().Add(5 * time.Second)
	for {
		got, err := ask()
		if err == nil && got == wanted {
			return nil
		}
		if time.Now().After(limit) {
			return fmt.Errorf("expected %s, got %s (%v)", wanted, got, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// refused asserts that a call failed with an error whose text has one of these words.
func refused(err error, words ...string) error {
	if err == nil {
		return fmt.Errorf("expected %v, got success", words)
	}
	for _, word := range words {
		if strings.Contains(strings.ToLower(err.Error()), strings.ToLower(word)) {
			return nil
		}
	}
	return fmt.Errorf("expected %v, got %w", words, err)
}
