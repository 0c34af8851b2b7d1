package main

import (
	"context"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"kelpgate.tests/clients/suite"
)

var balancers = map[string]kafka.GroupBalancer{"range": kafka.RangeGroupBalancer{}, "roundrobin": kafka.RoundRobinGroupBalancer{}}

// join takes part generation by generation until it is time to leave.
func join(member *suite.Member) error {
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: member.Group, Brokers: []string{member.Bootstrap}, Topics: member.Topics, SessionTimeout: member.SessionTimeout(),
		GroupBalancers: []kafka.GroupBalancer{balancers[member.Way]}, HeartbeatInterval: suite.Heartbeat,
		JoinGroupBackoff: 200 * time.Millisecond, StartOffset: kafka.FirstOffset,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(unlimited)
	go func() {
		<-member.Leaving
		cancel()
	}()
	for {
		generation, err := group.Next(ctx)
		if ctx.Err() != nil {
			return group.Close()
		}
		if err != nil { // a rebalance that began anew, or a server that is away
			member.Note(err)
			continue
		}
		takePart(member, generation)
	}
}

// takePart reads the partitions of a generation, each in a function of it. The group waits for all functions before it
// joins again, so what was read is committed by then.
func takePart(member *suite.Member, generation *kafka.Generation) {
	owned := map[string][]int32{}
	done := &progress{member: member, generation: generation, read: map[string]map[int]int64{}}
	var readers sync.WaitGroup
	for topic, assigned := range generation.Assignments {
		for _, part := range assigned {
			owned[topic] = append(owned[topic], int32(part.ID))
		}
	}
	member.Gains(owned, generation.ID)
	for topic, assigned := range generation.Assignments {
		for _, part := range assigned {
			readers.Add(1)
			generation.Start(func(ctx context.Context) {
				defer readers.Done()
				done.follow(ctx, topic, part)
			})
		}
	}
	generation.Start(func(ctx context.Context) {
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
				done.commit()
			}
		}
		readers.Wait()
		done.commit()
		member.GivesUp(owned)
	})
}

// progress is what was read in a generation and is not committed.
type progress struct {
	member     *suite.Member
	generation *kafka.Generation
	mutex      sync.Mutex
	read       map[string]map[int]int64
}

// follow reads one partition until the generation ends.
func (p *progress) follow(ctx context.Context, topic string, part kafka.PartitionAssignment) {
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{p.member.Bootstrap}, Topic: topic, Partition: part.ID,
		MaxWait: 200 * time.Millisecond, ReadBackoffMax: 200 * time.Millisecond})
	defer reader.Close()
	if err := reader.SetOffset(part.Offset); err != nil {
		p.member.Note(err)
		return
	}
	for ctx.Err() == nil {
		message, err := reader.ReadMessage(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			p.member.Note(err)
			continue
		}
		p.member.Got(topic, int32(part.ID), message.Offset)
		p.mutex.Lock()
		if p.read[topic] == nil {
			p.read[topic] = map[int]int64{}
		}
		p.read[topic][part.ID] = message.Offset + 1
		p.mutex.Unlock()
	}
}

// commit commits what was read since the last commit.
func (p *progress) commit() {
	p.mutex.Lock()
	offsets := p.read
	p.read = map[string]map[int]int64{}
	p.mutex.Unlock()
	if len(offsets) == 0 {
		return
	}
	if err := p.generation.CommitOffsets(offsets); err != nil {
		p.member.Note(err)
		return
	}
	for topic, parts := range offsets {
		for part, offset := range parts {
			p.member.Committed(topic, int32(part), offset)
		}
	}
}
