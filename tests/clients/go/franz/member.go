package main

import (
	"context"
	"errors"
	"net"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"kelpgate.tests/clients/suite"
)

// join reads and commits until it is time to leave. A rebalance waits until what a poll returned has been committed.
func join(member *suite.Member) error {
	gone := func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) { member.GivesUp(partitions) }
	options := []kgo.Opt{
		kgo.SeedBrokers(member.Bootstrap), kgo.ConsumerGroup(member.Group), kgo.ConsumeTopics(member.Topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(func(_ context.Context, client *kgo.Client, partitions map[string][]int32) {
			_, generation := client.GroupMetadata()
			if member.Way == "consumer" {
				generation = -1 // a member's own epoch says nothing of others
			}
			member.Gains(partitions, generation)
		}),
		kgo.OnPartitionsRevoked(gone), kgo.OnPartitionsLost(gone),
	}
	client, err := kgo.NewClient(append(options, way(member)...)...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(unlimited)
	go func() {
		<-member.Leaving
		cancel()
	}()
	for ctx.Err() == nil {
		if err := poll(ctx, client, member); err != nil {
			return err
		}
	}
	client.CloseAllowingRebalance()
	return nil
}

// way is the options that tell one kind of member from another.
func way(member *suite.Member) []kgo.Opt {
	if member.Way == "consumer" {
		return []kgo.Opt{kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer())}
	}
	balancer := map[string]kgo.GroupBalancer{
		"range": kgo.RangeBalancer(), "roundrobin": kgo.RoundRobinBalancer(),
		"cooperative-sticky": kgo.CooperativeStickyBalancer(), "static": kgo.RangeBalancer(),
	}[member.Way]
	options := []kgo.Opt{kgo.Balancers(balancer), kgo.SessionTimeout(member.SessionTimeout()), kgo.HeartbeatInterval(suite.Heartbeat)}
	if instance := member.Instance(); instance != "" {
		options = append(options, kgo.InstanceID(instance))
	}
	return options
}

// passes says whether an error goes away by itself: the server wants to be asked again, or is away.
func passes(err error) bool {
	var away *net.OpError
	return kerr.IsRetriable(err) || errors.As(err, &away)
}

func poll(ctx context.Context, client *kgo.Client, member *suite.Member) error {
	defer client.AllowRebalance()
	fetches := client.PollFetches(ctx)
	for _, failed := range fetches.Errors() {
		if ctx.Err() == nil && !passes(failed.Err) {
			return failed.Err
		}
	}
	records := fetches.Records()
	fetches.EachPartition(func(part kgo.FetchTopicPartition) {
		var offsets []int64
		for _, record := range part.Records {
			offsets = append(offsets, record.Offset)
		}
		if offsets != nil {
			member.Got(part.Topic, part.Partition, offsets...)
		}
	})
	if len(records) == 0 {
		return nil
	}
	// Also when it is time to leave: what was read is committed.
	if err := client.CommitRecords(unlimited, records...); err != nil {
		member.Note(err)
		var refused *kerr.Error
		if !errors.As(err, &refused) && !passes(err) {
			return err
		}
		return nil
	}
	for _, record := range records {
		member.Committed(record.Topic, record.Partition, record.Offset+1)
	}
	return nil
}
