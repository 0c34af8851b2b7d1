// The checks of kafkajs: administration and producing. It consumes through groups only (see member.mjs), so what it writes
// is announced as `{"wrote": topic, "set": name, "without": [tags]}` and read back by the other clients.
//
//     node suite.mjs suite  BOOTSTRAP PREFIX RECORDS
//     node suite.mjs member BOOTSTRAP NAME TOPIC,... WAY=GROUP...     see member.mjs

import { readFileSync } from "node:fs";
import { join } from "node:path";
import zstd from "@bokuweb/zstd-wasm";
import kafkajs from "kafkajs";
import snappy from "kafkajs-snappy";
import { compressFrame, decompressFrame } from "lz4-napi";
import { takePart } from "./member.mjs";

const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, Partitioners, logLevel } = kafkajs;

// Header values are grouped by name, so interleaved names lose their order.
const CANNOT_SAY = ["interleaved-header", "null-header"];

async function registerCodecs() {
  await zstd.init();
  CompressionCodecs[CompressionTypes.Snappy] = snappy;
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: (encoder) => compressFrame(encoder.buffer),
    decompress: (buffer) => decompressFrame(buffer),
  });
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async (encoder) => Buffer.from(zstd.compress(encoder.buffer)),
    decompress: async (buffer) => Buffer.from(zstd.decompress(buffer)),
  });
}

const unhex = (text) => (text === "-" ? null : Buffer.from(text, "hex"));

function load(directory, name) {
  const lines = readFileSync(join(directory, `${name}.tsv`), "ascii").trimEnd().split("\n");
  return lines.map((line) => line.split("\t"))
    .filter(([, , , , , tags]) => !tags.split(",").some((tag) => CANNOT_SAY.includes(tag)))
    .map(([partition, timestamp, key, value, headers]) => ({
      partition: Number(partition), timestamp, key: unhex(key), value: unhex(value), headers: parseHeaders(headers),
    }));
}

function parseHeaders(text) {
  const headers = {};
  for (const pair of text === "-" ? [] : text.split(",")) {
    const [name, value] = pair.split(":");
    (headers[unhex(name).toString()] ??= []).push(unhex(value));
  }
  return headers;
}

function assert(holds, otherwise) {
  if (!holds) throw new Error(typeof otherwise === "string" ? otherwise : JSON.stringify(otherwise));
}

async function expectError(type, promise) {
  const outcome = await promise.then(() => "success", (error) => error);
  const types = [outcome.type, ...(outcome.errors ?? []).map((error) => error.type)];
  assert(types.includes(type), `expected ${type}, got ${outcome}`);
}

/** Ask until the answer is the wanted one, for at most five seconds: a broker's view may lag its controller. */
async function eventually(wanted, ask) {
  const limit = Date.now() + 5000;
  for (;;) {
    const got = await ask().catch((error) => error);
    if (JSON.stringify(got) === JSON.stringify(wanted)) return;
    assert(Date.now() < limit, `expected ${JSON.stringify(wanted)}, got ${got} ${JSON.stringify(got)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

class Suite {
  failed = 0;

  constructor(kafka, prefix, directory) {
    this.kafka = kafka;
    this.admin = kafka.admin();
    this.prefix = prefix;
    this.canonical = load(directory, "canonical");
    this.bulk = load(directory, "bulk");
    this.large = load(directory, "large");
  }

  async check(name, body) {
    const started = Date.now();
    let ok = true;
    let detail = "";
    try {
      detail = (await body()) ?? "";
    } catch (error) {
      console.error(error);
      ok = false;
      detail = String(error);
      this.failed += 1;
    }
    const seconds = (Date.now() - started) / 1000;
    console.log(JSON.stringify({ check: name, ok, detail: String(detail).slice(0, 500), seconds }));
  }

  async run() {
    await this.admin.connect();
    await this.check("metadata", () => this.metadata());
    await this.check("topic create, describe, delete", () => this.topics());
    await this.check("topic configs", () => this.configs());
    await this.check("partitions add", () => this.morePartitions());
    for (const codec of ["None", "GZIP", "Snappy", "LZ4", "ZSTD"]) {
      await this.check(`canonical records, ${codec.toLowerCase()}`, () => this.write(codec, "canonical"));
    }
    await this.check("thousands of records, idempotent", () => this.write("LZ4", "bulk"));
    await this.check("large records", () => this.write("None", "large"));
    await this.check("offsets for timestamps", () => this.fromTimestamps());
    await this.check("record too large", () => this.tooLarge());
    await this.check("acks 1 and 0", () => this.weakerAcks());
    await this.check("delete records", () => this.deleteRecords());
    await this.admin.disconnect();
    return this.failed;
  }

  async topic(name, configs = {}) {
    const topic = `${this.prefix}-${name}`;
    const configEntries = Object.entries({ "retention.ms": "-1", ...configs }).map(([key, value]) => ({ name: key, value }));
    await this.admin.createTopics({ topics: [{ topic, numPartitions: 3, replicationFactor: 1, configEntries }] });
    await this.hasPartitions(topic, 3);
    return topic;
  }

  hasPartitions(topic, count) {
    return eventually(count, async () => {
      const { topics } = await this.admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0].partitions.filter((part) => part.leader >= 0 && part.isr.length > 0).length;
    });
  }

  async metadata() {
    const cluster = await this.admin.describeCluster();
    assert(cluster.brokers.length > 0 && cluster.clusterId, cluster);
    assert(cluster.brokers.some((broker) => broker.nodeId === cluster.controller), cluster);
    return cluster.brokers.map((broker) => `${broker.host}:${broker.port}`);
  }

  async topics() {
    const topic = await this.topic("admin");
    assert(!(await this.admin.createTopics({ topics: [{ topic }] })), "a topic was made twice");
    await expectError("INVALID_TOPIC_EXCEPTION", this.admin.createTopics({ topics: [{ topic: "not a topic!" }] }));
    assert((await this.admin.listTopics()).includes(topic), "a new topic is not listed");
    await this.admin.deleteTopics({ topics: [topic] });
    await eventually(false, async () => (await this.admin.listTopics()).includes(topic));
  }

  async configs() {
    const name = await this.topic("configs", { "segment.bytes": "104857600" });
    const describe = async (keys) => {
      const asked = { resources: [{ type: ConfigResourceTypes.TOPIC, name }], includeSynonyms: true };
      const entries = (await this.admin.describeConfigs(asked)).resources[0].configEntries;
      const all = Object.fromEntries(entries.map((entry) => [entry.configName, entry.configValue]));
      return keys.map((key) => all[key]);
    };
    const keys = ["retention.ms", "segment.bytes", "cleanup.policy"];
    await eventually(["-1", "104857600", "delete"], () => describe(keys));
    const configEntries = [{ name: "retention.ms", value: "3600000" }];
    await this.admin.alterConfigs({ validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC, name, configEntries }] });
    await eventually(["3600000", "1073741824", "delete"], () => describe(keys));
  }

  async morePartitions() {
    const topic = await this.topic("grows");
    await this.admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] });
    await this.hasPartitions(topic, 5);
    await expectError("INVALID_PARTITIONS", this.admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] }));
  }

  async produce(topic, messages, { codec = "None", acks = -1, idempotent = false } = {}) {
    const producer = this.kafka.producer({ idempotent, createPartitioner: Partitioners.DefaultPartitioner, allowAutoTopicCreation: false });
    await producer.connect();
    try {
      return await producer.send({ topic, messages, acks, compression: CompressionTypes[codec] });
    } finally {
      await producer.disconnect();
    }
  }

  async write(codec, set) {
    const topic = await this.topic(`${set}-${codec.toLowerCase()}`);
    const idempotent = set === "bulk";
    const step = { canonical: 100, bulk: 500, large: 1 }[set];
    for (let at = 0; at < this[set].length; at += step) {
      await this.produce(topic, this[set].slice(at, at + step), { codec, idempotent });
    }
    const offsets = await this.admin.fetchTopicOffsets(topic);
    for (const { partition, low, high } of offsets) {
      const count = this[set].filter((record) => record.partition === partition).length;
      assert(low === "0" && high === String(count), offsets);
    }
    console.log(JSON.stringify({ wrote: topic, set, without: CANNOT_SAY }));
  }

  async fromTimestamps() {
    const topic = `${this.prefix}-bulk-lz4`;
    const found = await this.admin.fetchTopicOffsetsByTimestamp(topic, Number(this.bulk[3001].timestamp) - 5);
    const offsets = Object.fromEntries(found.map(({ partition, offset }) => [partition, offset]));
    assert(JSON.stringify(offsets) === '{"0":"1001","1":"1000","2":"1000"}', offsets);
  }

  async tooLarge() {
    const topic = await this.topic("too-large");
    const message = { ...this.bulk[0], value: Buffer.alloc(2 << 20) };
    await expectError("MESSAGE_TOO_LARGE", this.produce(topic, [message]));
  }

  async weakerAcks() {
    const topic = await this.topic("acks");
    const some = this.bulk.filter((record) => record.partition === 0).slice(0, 50);
    await this.produce(topic, some, { acks: 1 });
    await this.produce(topic, some, { acks: 0 });
    await eventually("100", async () => {
      const offsets = await this.admin.fetchTopicOffsets(topic);
      return offsets.find(({ partition }) => partition === 0).high;
    });
  }

  async deleteRecords() {
    const topic = await this.topic("deleted");
    await this.produce(topic, this.bulk.slice(0, 300));
    await this.admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "10" }] });
    const offsets = await this.admin.fetchTopicOffsets(topic);
    assert(offsets.find(({ partition }) => partition === 0).low === "10", offsets);
  }
}

const [mode, bootstrap, ...rest] = process.argv.slice(2);
if (mode === "member") {
  await takePart(bootstrap, ...rest);
  process.exit(0);
}
assert(mode === "suite", `unknown mode ${mode}`);
await registerCodecs();
const kafka = new Kafka({ clientId: "kafkajs", brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 3 } });
process.exit((await new Suite(kafka, ...rest).run()) ? 1 : 0);
