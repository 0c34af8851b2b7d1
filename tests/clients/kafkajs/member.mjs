// Members of groups with kafkajs, which tell what they do; see ../groups/ledger.py.
//
//     node suite.mjs member BOOTSTRAP NAME TOPIC,... WAY=GROUP...
//
// kafkajs hands out partitions in turn; its assignor is called RoundRobinAssigner.

import kafkajs from "kafkajs";

const { Kafka, logLevel } = kafkajs;

class Member {
  constructor(bootstrap, topics, way, group) {
    this.topics = topics;
    this.way = way;
    const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: { maxRetryTime: 300, retries: 100 } });
    this.consumer = kafka.consumer({ groupId: group, sessionTimeout: 6000, heartbeatInterval: 500, maxWaitTimeInMs: 100 });
  }

  tell(event) {
    const at = (performance.timeOrigin + performance.now()) / 1000;
    console.log(JSON.stringify({ way: this.way, at, ...event }));
  }

  async start() {
    const { GROUP_JOIN, REBALANCING, CRASH, COMMIT_OFFSETS } = this.consumer.events;
    this.consumer.on(GROUP_JOIN, ({ payload }) => {
      const owns = Object.entries(payload.memberAssignment).flatMap(([topic, parts]) => parts.map((part) => `${topic}-${part}`));
      this.tell({ owns });
    });
    this.consumer.on(REBALANCING, () => this.tell({ owns: [] }));
    // One that is started anew has left the group first, without a rebalance of its own.
    this.consumer.on(CRASH, ({ payload }) =>
      this.tell(payload.restart ? { note: payload.error.name, owns: [] } : { failed: String(payload.error) }));
    this.consumer.on(COMMIT_OFFSETS, ({ payload }) => {
      const committed = payload.topics.flatMap(({ topic, partitions }) => partitions.map((part) => [`${topic}-${part.partition}`, Number(part.offset)]));
      this.tell({ committed: Object.fromEntries(committed) });
    });
    await this.consumer.connect();
    await this.consumer.subscribe({ topics: this.topics, fromBeginning: true });
    // Commits are its own: after each batch that was handed over.
    await this.consumer.run({
      eachBatch: async ({ batch }) => {
        this.tell({ got: { [`${batch.topic}-${batch.partition}`]: batch.messages.map((message) => Number(message.offset)) } });
      },
    });
  }
}

/** Be a member in each group until standard input ends. */
export async function takePart(bootstrap, name, topics, ...groups) {
  const members = groups.map((pair) => new Member(bootstrap, topics.split(","), ...pair.split("=")));
  await Promise.all(members.map((member) => member.start().catch((error) => member.tell({ failed: String(error) }))));
  process.stdin.resume();
  await new Promise((resolve) => process.stdin.once("end", resolve));
  await Promise.all(members.map((member) => member.consumer.disconnect()));
}
