// franz-go said in the words of package suite.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"kelpgate.tests/clients/suite"
)

const wait = 30 * time.Second

var codecs = map[string]kgo.CompressionCodec{
	"": kgo.NoCompression(), "none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

type client struct {
	bootstrap string
	admin     *kadm.Client
}

func main() {
	suite.Main(func(bootstrap string) (suite.Client, error) {
		admin, err := kadm.NewOptClient(kgo.SeedBrokers(bootstrap), kgo.MetadataMinAge(50*time.Millisecond))
		return &client{bootstrap, admin}, err
	}, join)
}

// unlimited is the context of calls that the client itself gives up in time.
var unlimited = context.Background()

func (c *client) CannotSay() []string { return nil }

func (c *client) Brokers() ([]string, error) {
	metadata, err := c.admin.BrokerMetadata(unlimited)
	var brokers []string
	for _, broker := range metadata.Brokers {
		brokers = append(brokers, fmt.Sprintf("%s:%d", broker.Host, broker.Port))
	}
	return brokers, err
}

func (c *client) Topics() ([]string, error) {
	details, err := c.admin.ListTopics(unlimited)
	return details.Names(), err
}

func (c *client) Create(topic string, partitions int, configs map[string]string) error {
	values := map[string]*string{}
	for key, value := range configs {
		values[key] = &value
	}
	_, err := c.admin.CreateTopic(unlimited, int32(partitions), 1, values, topic)
	return err
}

func (c *client) Delete(topic string) error {
	_, err := c.admin.DeleteTopic(unlimited, topic)
	return err
}

func (c *client) Partitions(topic string) (int, error) {
	details, err := c.admin.ListTopics(unlimited, topic)
	if err == nil {
		err = details.Error()
	}
	return len(details[topic].Partitions), err
}

func (c *client) AddPartitions(topic string, total int) error {
	answers, err := c.admin.UpdatePartitions(unlimited, total, topic)
	if err == nil {
		err = answers.Error()
	}
	return err
}

func (c *client) Configs(topic string) (map[string]string, error) {
	answers, err := c.admin.DescribeTopicConfigs(unlimited, topic)
	if err != nil {
		return nil, err
	}
	configs := map[string]string{}
	for _, config := range answers[0].Configs {
		configs[config.Key] = config.MaybeValue()
	}
	return configs, answers[0].Err
}

func (c *client) SetConfig(topic, key, value string) error {
	answers, err := c.admin.AlterTopicConfigs(unlimited, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: key, Value: &value}}, topic)
	if err != nil {
		return err
	}
	return answers[0].Err
}

func (c *client) DeleteRecords(topic string, partition int32, before int64) error {
	var offsets kadm.Offsets
	offsets.AddOffset(topic, partition, before, -1)
	answers, err := c.admin.DeleteRecords(unlimited, offsets)
	if err == nil {
		err = answers.Error()
	}
	return err
}

func (c *client) Produce(topic string, records []suite.Record, options suite.Options) error {
	settings := []kgo.Opt{
		kgo.SeedBrokers(c.bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(20 * time.Millisecond),
		kgo.ProducerBatchCompression(codecs[options.Codec]), kgo.ProducerBatchMaxBytes(int32(suite.BatchLimit(records))),
	}
	switch options.Acks {
	case 0:
		settings = append(settings, kgo.RequiredAcks(kgo.NoAck()))
	case 1:
		settings = append(settings, kgo.RequiredAcks(kgo.LeaderAck()))
	}
	if !options.Idempotent {
		settings = append(settings, kgo.DisableIdempotentWrite())
	}
	producer, err := kgo.NewClient(settings...)
	if err != nil {
		return err
	}
	defer producer.Close()
	sent := make([]*kgo.Record, len(records))
	for i, record := range records {
		sent[i] = &kgo.Record{Topic: topic, Partition: record.Partition, Key: record.Key, Value: record.Value,
			Timestamp: time.UnixMilli(record.Timestamp)}
		for _, header := range record.Headers {
			sent[i].Headers = append(sent[i].Headers, kgo.RecordHeader{Key: header.Name, Value: header.Value})
		}
	}
	ctx, cancel := context.WithTimeout(unlimited, wait)
	defer cancel()
	return producer.ProduceSync(ctx, sent...).FirstErr()
}

func (c *client) Consume(topic string, start map[int32]int64, count int) ([]suite.Record, error) {
	offsets := map[int32]kgo.Offset{}
	for partition, offset := range start {
		offsets[partition] = kgo.NewOffset().At(offset)
	}
	consumer, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap), kgo.FetchMaxPartitionBytes(4<<20),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	ctx, cancel := context.WithTimeout(unlimited, wait)
	defer cancel()
	var got []suite.Record
	for len(got) < count {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return got, fmt.Errorf("%d of %d records came: %w", len(got), count, err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			read := suite.Record{Partition: record.Partition, Offset: record.Offset, Timestamp: record.Timestamp.UnixMilli(),
				Key: record.Key, Value: record.Value}
			for _, header := range record.Headers {
				read.Headers = append(read.Headers, suite.Header{Name: header.Key, Value: header.Value})
			}
			got = append(got, read)
		})
	}
	return got, nil
}

func (c *client) OffsetsForTime(topic string, moment int64) (map[int32]int64, error) {
	listed, err := c.admin.ListOffsetsAfterMilli(unlimited, moment, topic)
	if err == nil {
		err = listed.Error()
	}
	found := map[int32]int64{}
	listed.Each(func(at kadm.ListedOffset) {
		found[at.Partition] = at.Offset
		if at.Timestamp == -1 { // kadm puts the end offset where the broker found no record
			found[at.Partition] = -1
		}
	})
	return found, err
}

func (c *client) Watermarks(topic string, partition int32) (int64, int64, error) {
	first, err := c.admin.ListStartOffsets(unlimited, topic)
	if err != nil {
		return 0, 0, err
	}
	last, err := c.admin.ListEndOffsets(unlimited, topic)
	if err == nil {
		err = last.Error()
	}
	return first[topic][partition].Offset, last[topic][partition].Offset, err
}
