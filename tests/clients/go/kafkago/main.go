// kafka-go said in the words of package suite: Client and Writer for most, Reader and Conn with their pinned versions.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"time"

	"github.com/segmentio/kafka-go"

	"kelpgate.tests/clients/suite"
)

const wait = 30 * time.Second

var codecs = map[string]kafka.Compression{
	"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd,
}

type client struct {
	*kafka.Client
	bootstrap string
}

func main() {
	suite.Main(func(bootstrap string) (suite.Client, error) {
		address, err := net.ResolveTCPAddr("tcp", bootstrap)
		transport := &kafka.Transport{MetadataTTL: 100 * time.Millisecond}
		return &client{&kafka.Client{Addr: address, Timeout: wait, Transport: transport}, bootstrap}, err
	}, join)
}

var unlimited = context.Background()

// CannotSay: Client.Fetch leaves out of account that a batch may carry the broker's append time.
func (c *client) CannotSay() []string { return []string{suite.AppendTime} }

func (c *client) Brokers() ([]string, error) {
	metadata, err := c.Metadata(unlimited, &kafka.MetadataRequest{})
	if err != nil {
		return nil, err
	}
	var brokers []string
	for _, broker := range metadata.Brokers {
		brokers = append(brokers, fmt.Sprintf("%s:%d", broker.Host, broker.Port))
	}
	return brokers, nil
}

func (c *client) Topics() ([]string, error) {
	metadata, err := c.Metadata(unlimited, &kafka.MetadataRequest{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, topic := range metadata.Topics {
		names = append(names, topic.Name)
	}
	return names, nil
}

func (c *client) Create(topic string, partitions int, configs map[string]string) error {
	wanted := kafka.TopicConfig{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1}
	for key, value := range configs {
		wanted.ConfigEntries = append(wanted.ConfigEntries, kafka.ConfigEntry{ConfigName: key, ConfigValue: value})
	}
	answer, err := c.CreateTopics(unlimited, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{wanted}})
	if err != nil {
		return err
	}
	return answer.Errors[topic]
}

func (c *client) Delete(topic string) error {
	answer, err := c.DeleteTopics(unlimited, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	if err != nil {
		return err
	}
	return answer.Errors[topic]
}

func (c *client) Partitions(topic string) (int, error) {
	metadata, err := c.Metadata(unlimited, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return 0, err
	}
	return len(metadata.Topics[0].Partitions), metadata.Topics[0].Error
}

func (c *client) AddPartitions(topic string, total int) error {
	answer, err := c.CreatePartitions(unlimited, &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: int32(total)}}})
	if err != nil {
		return err
	}
	return answer.Errors[topic]
}

func (c *client) Configs(topic string) (map[string]string, error) {
	answer, err := c.DescribeConfigs(unlimited, &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic}}})
	if err != nil {
		return nil, err
	}
	configs := map[string]string{}
	for _, entry := range answer.Resources[0].ConfigEntries {
		configs[entry.ConfigName] = entry.ConfigValue
	}
	return configs, answer.Resources[0].Error
}

func (c *client) SetConfig(topic, key, value string) error {
	answer, err := c.IncrementalAlterConfigs(unlimited, &kafka.IncrementalAlterConfigsRequest{
		Resources: []kafka.IncrementalAlterConfigsRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
			Configs: []kafka.IncrementalAlterConfigsRequestConfig{{Name: key, Value: value}},
		}}})
	if err != nil {
		return err
	}
	return answer.Resources[0].Error
}

func messages(records []suite.Record) []kafka.Message {
	sent := make([]kafka.Message, len(records))
	for i, record := range records {
		sent[i] = kafka.Message{Key: record.Key, Value: record.Value, Time: time.UnixMilli(record.Timestamp),
			WriterData: int(record.Partition)}
		for _, header := range record.Headers {
			sent[i].Headers = append(sent[i].Headers, kafka.Header{Key: header.Name, Value: header.Value})
		}
	}
	return sent
}

func (c *client) Produce(topic string, records []suite.Record, options suite.Options) error {
	writer := &kafka.Writer{
		Addr: c.Addr, Transport: c.Transport, Topic: topic, Compression: codecs[options.Codec], RequiredAcks: kafka.RequiredAcks(options.Acks),
		Balancer:     kafka.BalancerFunc(func(message kafka.Message, _ ...int) int { return message.WriterData.(int) }),
		BatchTimeout: 20 * time.Millisecond, BatchSize: 2000, BatchBytes: int64(suite.BatchLimit(records)),
	}
	err := writer.WriteMessages(unlimited, messages(records)...)
	var all kafka.WriteErrors
	if errors.As(err, &all) {
		err = fmt.Errorf("%d failed: %w", all.Count(), err)
	}
	return errors.Join(err, writer.Close())
}

func (c *client) Consume(topic string, start map[int32]int64, count int) ([]suite.Record, error) {
	limit := time.Now().Add(wait)
	next := maps.Clone(start)
	var got []suite.Record
	for len(got) < count {
		if time.Now().After(limit) {
			return got, fmt.Errorf("%d of %d records came", len(got), count)
		}
		for partition, offset := range next {
			records, err := c.fetch(topic, partition, offset)
			if err != nil {
				return got, err
			}
			got = append(got, records...)
			next[partition] += int64(len(records))
		}
	}
	return got, nil
}

// fetch asks once. Client.Fetch tells null from empty, which Reader and Conn do not.
func (c *client) fetch(topic string, partition int32, offset int64) ([]suite.Record, error) {
	answer, err := c.Fetch(unlimited, &kafka.FetchRequest{Topic: topic, Partition: int(partition), Offset: offset,
		MinBytes: 1, MaxBytes: 4 << 20, MaxWait: 10 * time.Millisecond})
	if err == nil {
		err = answer.Error
	}
	if err != nil {
		return nil, err
	}
	var got []suite.Record
	for {
		read, err := answer.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		if read.Offset < offset {
			continue
		}
		message := kafka.Message{Partition: int(partition), Offset: read.Offset, Time: read.Time, Headers: read.Headers}
		if message.Key, err = readAll(read.Key); err != nil {
			return got, err
		}
		if message.Value, err = readAll(read.Value); err != nil {
			return got, err
		}
		got = append(got, record(message))
	}
}

func readAll(content kafka.Bytes) ([]byte, error) {
	if content == nil {
		return nil, nil
	}
	return kafka.ReadAll(content)
}

func record(message kafka.Message) suite.Record {
	read := suite.Record{Partition: int32(message.Partition), Offset: message.Offset, Timestamp: message.Time.UnixMilli(),
		Key: message.Key, Value: message.Value}
	for _, header := range message.Headers {
		read.Headers = append(read.Headers, suite.Header{Name: header.Key, Value: header.Value})
	}
	return read
}

func (c *client) OffsetsForTime(topic string, moment int64) (map[int32]int64, error) {
	at := time.UnixMilli(moment)
	answer, err := c.ListOffsets(unlimited, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
		topic: {kafka.TimeOffsetOf(0, at), kafka.TimeOffsetOf(1, at), kafka.TimeOffsetOf(2, at)}}})
	if err != nil {
		return nil, err
	}
	found := map[int32]int64{}
	for _, partition := range answer.Topics[topic] {
		if partition.Error != nil {
			return nil, partition.Error
		}
		for offset := range partition.Offsets {
			found[int32(partition.Partition)] = offset
		}
	}
	return found, nil
}

func (c *client) Watermarks(topic string, partition int32) (int64, int64, error) {
	answer, err := c.ListOffsets(unlimited, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
		topic: {kafka.FirstOffsetOf(int(partition)), kafka.LastOffsetOf(int(partition))}}})
	if err != nil {
		return 0, 0, err
	}
	found := answer.Topics[topic][0]
	return found.FirstOffset, found.LastOffset, found.Error
}

// Extra checks the low-level connection and the reader, which pin their own versions of Produce, Fetch, ListOffsets
// and Metadata.
func (c *client) Extra(topic string, records []suite.Record) error {
	conn, err := kafka.DialLeader(unlimited, "tcp", c.bootstrap, topic, 0)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(wait)); err != nil {
		return err
	}
	if _, err := conn.WriteCompressedMessages(kafka.Snappy.Codec(), messages(records)...); err != nil {
		return err
	}
	if first, last, err := conn.ReadOffsets(); err != nil || first != 0 || last != int64(len(records)) {
		return fmt.Errorf("offsets %d to %d: %w", first, last, err)
	}
	if partitions, err := conn.ReadPartitions(topic); err != nil || len(partitions) != 3 {
		return fmt.Errorf("partitions %v: %w", partitions, err)
	}
	batch := conn.ReadBatch(1, 4<<20)
	if err := same(records, batch.ReadMessage); err != nil {
		return fmt.Errorf("connection: %w", err)
	}
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{c.bootstrap}, Topic: topic, MaxWait: time.Second})
	ctx, cancel := context.WithTimeout(unlimited, wait)
	defer cancel()
	if err := same(records, func() (kafka.Message, error) { return reader.ReadMessage(ctx) }); err != nil {
		return fmt.Errorf("reader: %w", err)
	}
	return errors.Join(batch.Close(), reader.Close())
}

// same reads as many messages as there are records and compares them.
func same(records []suite.Record, read func() (kafka.Message, error)) error {
	var got []suite.Record
	for len(got) < len(records) {
		message, err := read()
		if err != nil {
			return fmt.Errorf("%d of %d records came: %w", len(got), len(records), err)
		}
		got = append(got, record(message))
	}
	return suite.Compare(suite.At(records, map[int32]int64{0: 0}), got, true)
}
