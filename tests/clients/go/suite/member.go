package suite

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Timeouts of members, so that a test need not wait long for the end of one.
const (
	Session       = 6 * time.Second
	StaticSession = 30 * time.Second
	Heartbeat     = 500 * time.Millisecond
)

// Member is one member of one group, as a client's program sees it; it tells what it does (see ../groups/ledger.py).
type Member struct {
	Bootstrap, Name, Way, Group string
	Topics                      []string
	// Leaving is closed when it is time to leave.
	Leaving <-chan struct{}
	mutex   sync.Mutex
	owned   map[string]bool
}

// Instance is the name of a static member, "" for a dynamic one.
func (m *Member) Instance() string {
	if m.Way == "static" {
		return m.Name
	}
	return ""
}

// SessionTimeout of this member.
func (m *Member) SessionTimeout() time.Duration {
	if m.Way == "static" {
		return StaticSession
	}
	return Session
}

// Gains tells that it owns more partitions; a generation of -1 is unknown.
func (m *Member) Gains(partitions map[string][]int32, generation int32) {
	m.change(partitions, true, generation)
}

// GivesUp tells that it owns fewer partitions. It is called before anyone else can own them.
func (m *Member) GivesUp(partitions map[string][]int32) {
	m.change(partitions, false, -1)
}

func (m *Member) change(partitions map[string][]int32, more bool, generation int32) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for topic, numbers := range partitions {
		for _, number := range numbers {
			if name := partition(topic, number); more {
				m.owned[name] = true
			} else {
				delete(m.owned, name)
			}
		}
	}
	owned := []string{}
	for name := range m.owned {
		owned = append(owned, name)
	}
	slices.Sort(owned)
	event := map[string]any{"owns": owned}
	if generation >= 0 {
		event["generation"] = generation
	}
	m.tell(event)
}

// Got tells the offsets of records that came, all of one partition.
func (m *Member) Got(topic string, number int32, offsets ...int64) {
	m.tell(map[string]any{"got": map[string][]int64{partition(topic, number): offsets}})
}

// Committed tells that a commit was acknowledged.
func (m *Member) Committed(topic string, number int32, offset int64) {
	m.tell(map[string]any{"committed": map[string]int64{partition(topic, number): offset}})
}

// Note tells of an error that may happen, such as a commit that came too late.
func (m *Member) Note(err error) {
	m.tell(map[string]any{"note": err.Error()})
}

func (m *Member) tell(event map[string]any) {
	event["way"] = m.Way
	event["at"] = float64(time.Now().UnixMicro()) / 1e6
	printing.Lock()
	defer printing.Unlock()
	print(event)
}

var printing sync.Mutex

func partition(topic string, number int32) string {
	return fmt.Sprintf("%s-%d", topic, number)
}

// takePart is a member in each of some groups, `WAY=GROUP`, until standard input ends.
func takePart(join func(*Member) error, bootstrap, name, topics string, groups []string) {
	leaving := make(chan struct{})
	var members sync.WaitGroup
	for _, group := range groups {
		way, group, _ := strings.Cut(group, "=")
		member := &Member{Bootstrap: bootstrap, Name: name, Way: way, Group: group, Topics: strings.Split(topics, ","),
			Leaving: leaving, owned: map[string]bool{}}
		members.Go(func() {
			if err := join(member); err != nil {
				member.tell(map[string]any{"failed": err.Error()})
			}
		})
	}
	io.Copy(io.Discard, os.Stdin)
	close(leaving)
	members.Wait()
}
