// Package suite holds the checks that every Go client runs, over an adapter that says each thing in the client's words.
package suite

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// Options says how to produce.
type Options struct {
	Codec      string
	Idempotent bool
	Acks       int
}

// AppendTime among the tags of CannotSay leaves the check of append times out.
const AppendTime = "append-time"

// Client is what the suite asks of a client. CannotSay names the tags of records it cannot write or read. Offsets of
// absent records are -1.
type Client interface {
	CannotSay() []string
	Brokers() ([]string, error)
	Topics() ([]string, error)
	Create(topic string, partitions int, configs map[string]string) error
	Delete(topic string) error
	Partitions(topic string) (int, error)
	AddPartitions(topic string, total int) error
	Configs(topic string) (map[string]string, error)
	SetConfig(topic, key, value string) error
	Produce(topic string, records []Record, options Options) error
	Consume(topic string, start map[int32]int64, count int) ([]Record, error)
	OffsetsForTime(topic string, moment int64) (map[int32]int64, error)
	Watermarks(topic string, partition int32) (first, last int64, err error)
}

// Deleter is a client that can delete records.
type Deleter interface {
	DeleteRecords(topic string, partition int32, before int64) error
}

// Extra is a client with another way to write and read: it writes the records, all of partition 0, to an empty topic
// and reads them back.
type Extra interface {
	Extra(topic string, records []Record) error
}

var (
	codecs    = []string{"none", "gzip", "snappy", "lz4", "zstd"}
	beginning = map[int32]int64{0: 0, 1: 0, 2: 0}
)

type suite struct {
	Client
	prefix                 string
	canonical, bulk, large []Record
	checks                 Checks
}

// Main runs a client's program: `suite BOOTSTRAP PREFIX RECORDS`, `verify BOOTSTRAP RECORDS TOPIC:SET:[tag,tag]...` or
// `member BOOTSTRAP NAME TOPIC,... WAY=GROUP...`. Join takes part in a group until it is time to leave.
func Main(connect func(bootstrap string) (Client, error), join func(*Member) error) {
	mode, bootstrap, rest := os.Args[1], os.Args[2], os.Args[3:]
	if mode == "member" {
		takePart(join, bootstrap, rest[0], rest[1], rest[2:])
		return
	}
	client, err := connect(bootstrap)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var failed int
	if mode == "suite" {
		failed = run(client, rest[0], rest[1])
	} else {
		failed = verify(client, rest[0], rest[1:])
	}
	if failed > 0 {
		os.Exit(1)
	}
}

func verify(client Client, directory string, topics []string) int {
	var checks Checks
	for _, argument := range topics {
		part := strings.Split(argument, ":")
		topic, set, tags := part[0], part[1], part[2]
		checks.Run("reads "+topic, func() (any, error) {
			records, err := Load(directory, set, strings.Split(tags, ","))
			if err != nil {
				return nil, err
			}
			got, err := client.Consume(topic, beginning, len(records))
			if err != nil {
				return nil, err
			}
			return len(got), Compare(At(records, beginning), got, true)
		})
	}
	return checks.Failed
}

func run(client Client, prefix, directory string) int {
	s := &suite{Client: client, prefix: prefix}
	for name, into := range map[string]*[]Record{"canonical": &s.canonical, "bulk": &s.bulk, "large": &s.large} {
		records, err := Load(directory, name, client.CannotSay())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		*into = records
	}
	s.checks.Run("metadata", s.metadata)
	s.checks.Run("topic create, describe, delete", s.topics)
	s.checks.Run("topic configs", s.configs)
	s.checks.Run("partitions add", s.morePartitions)
	for _, codec := range codecs {
		s.checks.Run("canonical records, "+codec, func() (any, error) { return s.oneCodec(codec) })
	}
	s.checks.Run("thousands of records", s.thousands)
	s.checks.Run("consume from offsets", func() (any, error) {
		return s.readBack(s.prefix+"-bulk", s.bulk, map[int32]int64{0: 500, 1: 1234, 2: 1999})
	})
	s.checks.Run("consume from timestamps", s.fromTimestamps)
	s.checks.Run("first and last offsets", s.watermarks)
	s.checks.Run("large records", s.largeRecords)
	s.checks.Run("acks 1 and 0", s.weakerAcks)
	s.checks.Run("record too large", s.tooLarge)
	if !slices.Contains(client.CannotSay(), AppendTime) {
		s.checks.Run("log append time", s.logAppendTime)
	}
	if extra, ok := client.(Extra); ok {
		s.checks.Run("another way to write and read", func() (any, error) { return s.anotherWay(extra) })
	}
	if deleter, ok := client.(Deleter); ok {
		s.checks.Run("delete records", func() (any, error) { return s.deleteRecords(deleter) })
	}
	return s.checks.Failed
}

func (s *suite) topic(name string, configs map[string]string) (string, error) {
	full := s.prefix + "-" + name
	all := map[string]string{"retention.ms": "-1"}
	maps.Copy(all, configs)
	if err := s.Create(full, 3, all); err != nil {
		return "", err
	}
	return full, s.hasPartitions(full, 3)
}

func (s *suite) hasPartitions(topic string, count int) error {
	return eventually(fmt.Sprint(count), func() (string, error) {
		found, err := s.Partitions(topic)
		return fmt.Sprint(found), err
	})
}

// written makes a topic and writes the records into it.
func (s *suite) written(name string, records []Record, configs map[string]string, options Options) (string, error) {
	topic, err := s.topic(name, configs)
	if err != nil {
		return "", err
	}
	return topic, s.Produce(topic, records, options)
}

func (s *suite) readBack(topic string, records []Record, start map[int32]int64) (any, error) {
	want := At(records, start)
	got, err := s.Consume(topic, start, len(want))
	if err != nil {
		return nil, err
	}
	return fmt.Sprintf("%d records", len(got)), Compare(want, got, true)
}

func (s *suite) metadata() (any, error) {
	brokers, err := s.Brokers()
	if err == nil && len(brokers) == 0 {
		err = fmt.Errorf("no brokers")
	}
	return brokers, err
}

func (s *suite) topics() (any, error) {
	name, err := s.topic("admin", nil)
	if err != nil {
		return nil, err
	}
	if err := refused(s.Create(name, 3, nil), "already exists", "TOPIC_ALREADY_EXISTS"); err != nil {
		return nil, err
	}
	if err := refused(s.Create("not a topic!", 1, nil), "invalid topic", "INVALID_TOPIC", "topic is invalid"); err != nil {
		return nil, err
	}
	listed := func() (string, error) {
		names, err := s.Topics()
		return fmt.Sprint(strings.Contains("\n"+strings.Join(names, "\n")+"\n", "\n"+name+"\n")), err
	}
	if err := eventually("true", listed); err != nil {
		return nil, err
	}
	if err := s.Delete(name); err != nil {
		return nil, err
	}
	return name, eventually("false", listed)
}

func (s *suite) configs() (any, error) {
	name, err := s.topic("configs", map[string]string{"segment.bytes": "104857600"})
	if err != nil {
		return nil, err
	}
	var count int
	agrees := func(retention string) error {
		return eventually(retention+" 104857600 delete", func() (string, error) {
			all, err := s.Configs(name)
			count = len(all)
			return all["retention.ms"] + " " + all["segment.bytes"] + " " + all["cleanup.policy"], err
		})
	}
	if err := agrees("-1"); err != nil {
		return nil, err
	}
	if err := s.SetConfig(name, "retention.ms", "3600000"); err != nil {
		return nil, err
	}
	return fmt.Sprintf("%d configs", count), agrees("3600000")
}

func (s *suite) morePartitions() (any, error) {
	name, err := s.topic("grows", nil)
	if err != nil {
		return nil, err
	}
	if err := s.AddPartitions(name, 5); err != nil {
		return nil, err
	}
	if err := s.hasPartitions(name, 5); err != nil {
		return nil, err
	}
	return name, refused(s.AddPartitions(name, 2), "invalid_partitions", "number of partitions", "partitions is invalid")
}

func (s *suite) oneCodec(codec string) (any, error) {
	topic, err := s.written(codec, s.canonical, nil, Options{Codec: codec, Acks: -1})
	if err != nil {
		return nil, err
	}
	print(map[string]any{"wrote": topic, "set": "canonical", "without": append([]string{}, s.CannotSay()...)})
	return s.readBack(topic, s.canonical, beginning)
}

func (s *suite) thousands() (any, error) {
	topic, err := s.written("bulk", s.bulk, nil, Options{Codec: "zstd", Idempotent: true, Acks: -1})
	if err != nil {
		return nil, err
	}
	return s.readBack(topic, s.bulk, beginning)
}

func (s *suite) fromTimestamps() (any, error) {
	topic, moment := s.prefix+"-bulk", s.bulk[3001].Timestamp-5
	want := map[int32]int64{0: 1001, 1: 1000, 2: 1000}
	start, err := s.OffsetsForTime(topic, moment)
	if err != nil {
		return nil, err
	}
	if !maps.Equal(want, start) {
		return nil, fmt.Errorf("offsets for %d: expected %v, got %v", moment, want, start)
	}
	ended, err := s.OffsetsForTime(topic, s.bulk[len(s.bulk)-1].Timestamp+1)
	if err != nil {
		return nil, err
	}
	if !maps.Equal(ended, map[int32]int64{0: -1, 1: -1, 2: -1}) {
		return nil, fmt.Errorf("offsets after the last record: %v", ended)
	}
	return s.readBack(topic, s.bulk, start)
}

func (s *suite) watermarks() (any, error) {
	for partition := range int32(3) {
		first, last, err := s.Watermarks(s.prefix+"-bulk", partition)
		if err != nil || first != 0 || last != 2000 {
			return nil, fmt.Errorf("partition %d: %d to %d, %v", partition, first, last, err)
		}
	}
	return "0 to 2000", nil
}

func (s *suite) largeRecords() (any, error) {
	topic, err := s.written("large", s.large, nil, Options{Codec: "none", Acks: -1})
	if err != nil {
		return nil, err
	}
	if err := s.Produce(topic, s.large, Options{Codec: "zstd", Acks: -1}); err != nil {
		return nil, err
	}
	return s.readBack(topic, append(append([]Record{}, s.large...), s.large...), beginning)
}

func (s *suite) weakerAcks() (any, error) {
	topic, err := s.written("acks", s.bulk[:60], nil, Options{Acks: 1})
	if err != nil {
		return nil, err
	}
	if err := s.Produce(topic, s.bulk[60:120], Options{Acks: 0}); err != nil {
		return nil, err
	}
	return s.readBack(topic, s.bulk[:120], beginning)
}

func (s *suite) tooLarge() (any, error) {
	topic, err := s.topic("too-large", nil)
	if err != nil {
		return nil, err
	}
	record := Record{Timestamp: s.bulk[0].Timestamp, Key: []byte("k"), Value: make([]byte, 2<<20)}
	err = s.Produce(topic, []Record{record}, Options{Codec: "none", Acks: -1})
	if err := refused(err, "MESSAGE_TOO_LARGE", "too large", "larger than"); err != nil {
		return nil, err
	}
	if err := s.Produce(topic, s.bulk[:1], Options{Acks: -1}); err != nil {
		return nil, err
	}
	return s.readBack(topic, s.bulk[:1], beginning)
}

func (s *suite) logAppendTime() (any, error) {
	before := time.Now().UnixMilli() - 1000
	configs := map[string]string{"message.timestamp.type": "LogAppendTime"}
	topic, err := s.written("append-time", s.bulk[:30], configs, Options{Acks: -1})
	if err != nil {
		return nil, err
	}
	got, err := s.Consume(topic, beginning, 30)
	if err != nil {
		return nil, err
	}
	for _, record := range got {
		if record.Timestamp < before || record.Timestamp > time.Now().UnixMilli()+1000 {
			return nil, fmt.Errorf("append time %d", record.Timestamp)
		}
	}
	return got[0].Timestamp, Compare(At(s.bulk[:30], beginning), got, false)
}

func (s *suite) anotherWay(client Extra) (any, error) {
	topic, err := s.topic("another-way", nil)
	if err != nil {
		return nil, err
	}
	err = eventually("0 to 0", func() (string, error) {
		first, last, err := s.Watermarks(topic, 0)
		return fmt.Sprintf("%d to %d", first, last), err
	})
	if err != nil {
		return nil, err
	}
	return topic, client.Extra(topic, At(s.bulk, map[int32]int64{0: 0})[:500])
}

func (s *suite) deleteRecords(client Deleter) (any, error) {
	topic := s.prefix + "-bulk"
	if err := client.DeleteRecords(topic, 0, 100); err != nil {
		return nil, err
	}
	if first, last, err := s.Watermarks(topic, 0); err != nil || first != 100 || last != 2000 {
		return nil, fmt.Errorf("%d to %d, %v", first, last, err)
	}
	return s.readBack(topic, s.bulk, map[int32]int64{0: 100, 1: 1990})
}
