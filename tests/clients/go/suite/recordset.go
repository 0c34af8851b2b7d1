package suite

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Header is one header of a record; a nil Value is null.
type Header struct {
	Name  string
	Value []byte
}

// Record is one record; nil is null and an empty slice is empty. Timestamp is in milliseconds. Offset is set by At.
type Record struct {
	Partition int32
	Offset    int64
	Timestamp int64
	Key       []byte
	Value     []byte
	Headers   []Header
	tags      []string
}

// Load reads the records of one file (see ../records.py for its format), but for those with a tag in `without`.
func Load(directory, name string, without []string) ([]Record, error) {
	file, err := os.Open(filepath.Join(directory, name+".tsv"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var records []Record
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		record, err := parse(lines.Text())
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(record.tags, func(tag string) bool { return slices.Contains(without, tag) }) {
			records = append(records, record)
		}
	}
	return records, lines.Err()
}

func parse(line string) (Record, error) {
	field := strings.Split(line, "\t")
	if len(field) != 6 {
		return Record{}, fmt.Errorf("%d fields: %.80s", len(field), line)
	}
	partition, err := strconv.ParseInt(field[0], 10, 32)
	if err != nil {
		return Record{}, err
	}
	timestamp, err := strconv.ParseInt(field[1], 10, 64)
	if err != nil {
		return Record{}, err
	}
	record := Record{Partition: int32(partition), Timestamp: timestamp, tags: strings.Split(field[5], ",")}
	if record.Key, err = unhex(field[2]); err != nil {
		return Record{}, err
	}
	if record.Value, err = unhex(field[3]); err != nil {
		return Record{}, err
	}
	if field[4] == "-" {
		return record, nil
	}
	for _, pair := range strings.Split(field[4], ",") {
		name, value, _ := strings.Cut(pair, ":")
		header := Header{}
		raw, err := unhex(name)
		if err != nil {
			return Record{}, err
		}
		header.Name = string(raw)
		if header.Value, err = unhex(value); err != nil {
			return Record{}, err
		}
		record.Headers = append(record.Headers, header)
	}
	return record, nil
}

func unhex(text string) ([]byte, error) {
	if text == "-" {
		return nil, nil
	}
	return hex.DecodeString(text)
}

// At gives the records their offsets, counted up per partition, and keeps those at or after the starting offsets.
func At(records []Record, start map[int32]int64) []Record {
	next := map[int32]int64{}
	var kept []Record
	for _, record := range records {
		record.Offset = next[record.Partition]
		next[record.Partition]++
		if from, asked := start[record.Partition]; asked && record.Offset >= from {
			kept = append(kept, record)
		}
	}
	return kept
}

// BatchLimit is a batch size, in bytes, that fits a topic's default limit unless a record alone exceeds it.
func BatchLimit(records []Record) int {
	limit := 1_000_000
	for _, record := range records {
		limit = max(limit, len(record.Value)+1000)
	}
	return limit
}

// Compare holds what came back against what was sent, field by field and in order within each partition.
func Compare(want, got []Record, timestamps bool) error {
	next := map[int32][]Record{}
	for _, record := range want {
		next[record.Partition] = append(next[record.Partition], record)
	}
	for _, have := range got {
		queue := next[have.Partition]
		if len(queue) == 0 {
			return fmt.Errorf("partition %d offset %d: more records than were sent", have.Partition, have.Offset)
		}
		next[have.Partition] = queue[1:]
		if err := same(queue[0], have, timestamps); err != nil {
			return fmt.Errorf("partition %d offset %d: %w", queue[0].Partition, queue[0].Offset, err)
		}
	}
	if len(want) != len(got) {
		return fmt.Errorf("sent %d records, got %d", len(want), len(got))
	}
	return nil
}

func same(want, have Record, timestamps bool) error {
	switch {
	case want.Offset != have.Offset:
		return fmt.Errorf("came at offset %d", have.Offset)
	case timestamps && want.Timestamp != have.Timestamp:
		return fmt.Errorf("timestamp: sent %d, got %d", want.Timestamp, have.Timestamp)
	case !sameBytes(want.Key, have.Key):
		return fmt.Errorf("key: sent %.60q (null: %v), got %.60q (null: %v)", want.Key, want.Key == nil, have.Key, have.Key == nil)
	case !sameBytes(want.Value, have.Value):
		return fmt.Errorf("value: sent %.60q (null: %v), got %.60q (null: %v)", want.Value, want.Value == nil, have.Value, have.Value == nil)
	case !slices.EqualFunc(want.Headers, have.Headers, func(a, b Header) bool { return a.Name == b.Name && sameBytes(a.Value, b.Value) }):
		return fmt.Errorf("headers: sent %.100v, got %.100v", want.Headers, have.Headers)
	}
	return nil
}

func sameBytes(a, b []byte) bool {
	return bytes.Equal(a, b) && (a == nil) == (b == nil)
}
