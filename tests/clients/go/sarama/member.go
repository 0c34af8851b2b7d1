package main

import (
	"context"
	"errors"

	"github.com/IBM/sarama"

	"kelpgate.tests/clients/suite"
)

var strategies = map[string]sarama.BalanceStrategy{
	"range": sarama.NewBalanceStrategyRange(), "roundrobin": sarama.NewBalanceStrategyRoundRobin(),
	"sticky": sarama.NewBalanceStrategySticky(), "static": sarama.NewBalanceStrategyRange(),
}

// join takes part with the defaults of a client of version 2.8, the client id that all have by default and automatic
// commits among them; only the timeouts are shorter.
func join(member *suite.Member) error {
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	config.Consumer.Return.Errors = true
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Group.Session.Timeout = member.SessionTimeout()
	config.Consumer.Group.Heartbeat.Interval = suite.Heartbeat
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategies[member.Way]}
	config.Consumer.Group.InstanceId = member.Instance()
	group, err := sarama.NewConsumerGroup([]string{member.Bootstrap}, member.Group, config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-member.Leaving
		cancel()
	}()
	go func() {
		for err := range group.Errors() {
			member.Note(err)
		}
	}()
	for ctx.Err() == nil {
		if err := group.Consume(ctx, member.Topics, handler{member}); errors.Is(err, sarama.ErrFencedInstancedId) {
			return err
		} else if err != nil { // a server that is away
			member.Note(err)
		}
	}
	return group.Close()
}

type handler struct{ *suite.Member }

func (h handler) Setup(session sarama.ConsumerGroupSession) error {
	h.Gains(session.Claims(), session.GenerationID())
	return nil
}

func (h handler) Cleanup(session sarama.ConsumerGroupSession) error {
	h.GivesUp(session.Claims())
	return nil
}

func (h handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		if session.Context().Err() != nil {
			break
		}
		h.Got(message.Topic, message.Partition, message.Offset)
		session.MarkMessage(message, "")
	}
	return nil
}
