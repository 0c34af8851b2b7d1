// Sarama said in the words of package suite; at the protocol level its configuration has by default.
package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"kelpgate.tests/clients/suite"
)

const wait = 30 * time.Second

var codecs = map[string]sarama.CompressionCodec{
	"": sarama.CompressionNone, "none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

type client struct {
	bootstrap []string
	client    sarama.Client
	admin     sarama.ClusterAdmin
}

func main() {
	suite.Main(func(bootstrap string) (suite.Client, error) {
		c := &client{bootstrap: []string{bootstrap}}
		var err error
		if c.client, err = sarama.NewClient(c.bootstrap, settings()); err != nil {
			return nil, err
		}
		c.admin, err = sarama.NewClusterAdminFromClient(c.client)
		return c, err
	}, join)
}

func settings() *sarama.Config {
	config := sarama.NewConfig()
	config.Consumer.Return.Errors = true
	config.Consumer.Fetch.Default = 4 << 20
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Flush.Frequency = 20 * time.Millisecond
	config.Net.MaxOpenRequests = 1
	return config
}

func (c *client) CannotSay() []string { return nil }

func (c *client) Brokers() ([]string, error) {
	described, _, err := c.admin.DescribeCluster()
	var brokers []string
	for _, broker := range described {
		brokers = append(brokers, broker.Addr())
	}
	return brokers, err
}

func (c *client) Topics() ([]string, error) {
	listed, err := c.admin.ListTopics()
	var names []string
	for name := range listed {
		names = append(names, name)
	}
	return names, err
}

func (c *client) Create(topic string, partitions int, configs map[string]string) error {
	values := map[string]*string{}
	for key, value := range configs {
		values[key] = &value
	}
	return c.admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: int32(partitions), ReplicationFactor: 1, ConfigEntries: values}, false)
}

func (c *client) Delete(topic string) error { return c.admin.DeleteTopic(topic) }

func (c *client) Partitions(topic string) (int, error) {
	described, err := c.admin.DescribeTopics([]string{topic})
	if err != nil {
		return 0, err
	}
	if described[0].Err != sarama.ErrNoError {
		return 0, described[0].Err
	}
	return len(described[0].Partitions), c.client.RefreshMetadata(topic)
}

func (c *client) AddPartitions(topic string, total int) error {
	return c.admin.CreatePartitions(topic, int32(total), nil, false)
}

func (c *client) Configs(topic string) (map[string]string, error) {
	entries, err := c.admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic})
	configs := map[string]string{}
	for _, entry := range entries {
		configs[entry.Name] = entry.Value
	}
	return configs, err
}

func (c *client) SetConfig(topic, key, value string) error {
	return c.admin.IncrementalAlterConfig(sarama.TopicResource, topic, map[string]sarama.IncrementalAlterConfigsEntry{
		key: {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value},
	}, false)
}

func (c *client) DeleteRecords(topic string, partition int32, before int64) error {
	return c.admin.DeleteRecords(topic, map[int32]int64{partition: before})
}

func (c *client) Produce(topic string, records []suite.Record, options suite.Options) error {
	config := settings()
	config.Producer.Compression = codecs[options.Codec]
	config.Producer.RequiredAcks = sarama.RequiredAcks(options.Acks)
	config.Producer.MaxMessageBytes = suite.BatchLimit(records)
	config.Producer.Idempotent = options.Idempotent
	producer, err := sarama.NewSyncProducer(c.bootstrap, config)
	if err != nil {
		return err
	}
	messages := make([]*sarama.ProducerMessage, len(records))
	for i, record := range records {
		messages[i] = message(topic, record)
	}
	err = producer.SendMessages(messages)
	var all sarama.ProducerErrors
	if errors.As(err, &all) {
		err = fmt.Errorf("%d failed, first: %w", len(all), all[0].Err)
	}
	return errors.Join(err, producer.Close())
}

func message(topic string, record suite.Record) *sarama.ProducerMessage {
	sent := &sarama.ProducerMessage{Topic: topic, Partition: record.Partition, Timestamp: time.UnixMilli(record.Timestamp)}
	if record.Key != nil {
		sent.Key = sarama.ByteEncoder(record.Key)
	}
	if record.Value != nil {
		sent.Value = sarama.ByteEncoder(record.Value)
	}
	for _, header := range record.Headers {
		sent.Headers = append(sent.Headers, sarama.RecordHeader{Key: []byte(header.Name), Value: header.Value})
	}
	return sent
}

func (c *client) Consume(topic string, start map[int32]int64, count int) ([]suite.Record, error) {
	consumer, err := sarama.NewConsumer(c.bootstrap, settings())
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	messages := make(chan *sarama.ConsumerMessage)
	failures := make(chan error)
	for partition, offset := range start {
		part, err := consumer.ConsumePartition(topic, partition, offset)
		if err != nil {
			return nil, err
		}
		defer part.AsyncClose()
		go func() {
			for message := range part.Messages() {
				messages <- message
			}
		}()
		go func() {
			for err := range part.Errors() {
				failures <- err
			}
		}()
	}
	limit := time.After(wait)
	var got []suite.Record
	for len(got) < count {
		select {
		case message := <-messages:
			got = append(got, record(message))
		case err := <-failures:
			return got, err
		case <-limit:
			return got, fmt.Errorf("%d of %d records came", len(got), count)
		}
	}
	return got, nil
}

func record(message *sarama.ConsumerMessage) suite.Record {
	read := suite.Record{Partition: message.Partition, Offset: message.Offset, Timestamp: message.Timestamp.UnixMilli(),
		Key: message.Key, Value: message.Value}
	for _, header := range message.Headers {
		read.Headers = append(read.Headers, suite.Header{Name: string(header.Key), Value: header.Value})
	}
	return read
}

func (c *client) OffsetsForTime(topic string, moment int64) (map[int32]int64, error) {
	found := map[int32]int64{}
	partitions, err := c.client.Partitions(topic)
	if err != nil {
		return nil, err
	}
	for _, partition := range slices.Sorted(slices.Values(partitions)) {
		if found[partition], err = c.client.GetOffset(topic, partition, moment); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (c *client) Watermarks(topic string, partition int32) (int64, int64, error) {
	first, err := c.client.GetOffset(topic, partition, sarama.OffsetOldest)
	if err != nil {
		return 0, 0, err
	}
	last, err := c.client.GetOffset(topic, partition, sarama.OffsetNewest)
	return first, last, err
}
