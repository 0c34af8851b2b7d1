import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.DescribeConsumerGroupsOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsOptions;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.TopicPartitionReplica;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.quota.ClientQuotaFilter;

/**
 * The calls that the pages of a web interface for Kafka make, all of them through Java's Admin client, as AKHQ and kafka-ui do.
 *
 * <pre>java WebInterface BOOTSTRAP GROUP[:TYPE]...</pre>
 *
 * The groups have members and read. Each call must give a whole answer or the error that Apache Kafka 4.3 gives. Of a call that
 * the server does not announce the client makes an UnsupportedVersionException, which such interfaces take for "not here".
 */
public final class WebInterface {
    private final Admin admin;
    private final Map<String, GroupType> groups = new TreeMap<>();
    private final Checks checks = new Checks();
    private Collection<Node> nodes;
    private Map<String, TopicDescription> topics;
    private Map<String, Map<TopicPartition, OffsetAndMetadata>> committed;

    private WebInterface(Admin admin, List<String> groups) {
        this.admin = admin;
        for (String group : groups) {
            String[] part = group.split(":");
            this.groups.put(part[0], GroupType.parse(part[1]));
        }
    }

    public static void main(String[] args) {
        int failed;
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0], "default.api.timeout.ms", 30000))) {
            failed = new WebInterface(admin, Arrays.asList(args).subList(1, args.length)).run();
        }
        System.exit(failed == 0 ? 0 : 1);
    }

    private int run() {
        checks.run("cluster", this::cluster);
        checks.run("features", this::features);
        checks.run("configuration of the brokers", this::brokerConfigs);
        checks.run("log folders", this::logFolders);
        checks.run("topics", this::topics);
        checks.run("configuration of all topics", this::topicConfigs);
        checks.run("groups by state and type", this::listedGroups);
        checks.run("all groups described", this::describedGroups);
        checks.run("classic groups described", this::classicGroups);
        checks.run("committed offsets of all groups", this::committedOffsets);
        checks.run("lags of all groups", this::lags);
        checks.run("producers", this::producers);
        checks.run("resources with configurations", () -> admin.listConfigResources().all().get());
        whereAnnounced("transactions", () -> admin.listTransactions().all().get());
        whereAnnounced("reassignments", () -> admin.listPartitionReassignments().reassignments().get());
        whereAnnounced("leaders elected", this::leaders);
        whereAnnounced("quotas", () -> admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get());
        whereAnnounced("credentials", () -> admin.describeUserScramCredentials().all().get());
        whereAnnounced("access rules", () -> refused("SecurityDisabledException",
            () -> admin.describeAcls(AclBindingFilter.ANY).values().get()));
        whereAnnounced("delegation tokens", () -> refused("UnsupportedByAuthenticationException",
            () -> admin.describeDelegationToken().delegationTokens().get()));
        whereAnnounced("quorum", () -> admin.describeMetadataQuorum().quorumInfo().get());
        checks.run("a topic is made, changed and deleted", this::topicChanges);
        checks.run("groups in use are protected", this::protectedGroups);
        return checks.failed();
    }

    private Object cluster() throws Exception {
        var cluster = admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(true));
        nodes = cluster.nodes().get();
        Checks.expect(!nodes.isEmpty() && nodes.contains(cluster.controller().get()), "the controller is none of " + nodes);
        Checks.expect(!cluster.clusterId().get().isEmpty(), "no cluster id");
        Checks.expect(!cluster.authorizedOperations().get().isEmpty(), "no authorized operations");
        return nodes;
    }

    private Object features() throws Exception {
        var finalized = admin.describeFeatures().featureMetadata().get().finalizedFeatures();
        Checks.expect(finalized.containsKey("group.version"), "features are " + finalized);
        return finalized;
    }

    private Map<ConfigResource, Config> configs(ConfigResource.Type type, Collection<String> names) throws Exception {
        List<ConfigResource> asked = names.stream().map(name -> new ConfigResource(type, name)).collect(Collectors.toList());
        var options = new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true);
        var found = admin.describeConfigs(asked, options).all().get();
        Checks.expect(found.keySet().equals(new HashSet<>(asked)), "configurations of " + found.keySet());
        for (Config config : found.values()) {
            for (ConfigEntry entry : config.entries()) {
                Checks.expect(entry.source() != null && entry.type() != ConfigEntry.ConfigType.UNKNOWN, "half told: " + entry);
            }
        }
        return found;
    }

    private Object brokerConfigs() throws Exception {
        List<String> ids = nodes.stream().map(Node::idString).collect(Collectors.toList());
        Config config = configs(ConfigResource.Type.BROKER, ids).values().iterator().next();
        Checks.expect(config.get("delete.topic.enable") != null && config.get("log.retention.ms") != null, "only " + config);
        return config.entries().size() + " entries";
    }

    private Object logFolders() throws Exception {
        List<Integer> ids = nodes.stream().map(Node::id).collect(Collectors.toList());
        var found = admin.describeLogDirs(ids).allDescriptions().get();
        Checks.expect(found.keySet().equals(new HashSet<>(ids)), "folders of " + found.keySet());
        long bytes = 0;
        for (Map<String, LogDirDescription> folders : found.values()) {
            for (LogDirDescription folder : folders.values()) {
                Checks.expect(folder.error() == null && folder.totalBytes().isPresent(), "half told: " + folder);
                bytes += folder.replicaInfos().values().stream().mapToLong(replica -> replica.size()).sum();
            }
        }
        Checks.expect(bytes > 0, "nothing is stored");
        return bytes + " bytes";
    }

    private Object topics() throws Exception {
        Set<String> all = admin.listTopics(new ListTopicsOptions().listInternal(true)).names().get();
        Checks.expect(all.contains("__consumer_offsets"), "internal topics are not among " + all);
        Checks.expect(!admin.listTopics().names().get().contains("__consumer_offsets"), "internal topics are listed unasked");
        topics = admin.describeTopics(all, new DescribeTopicsOptions().includeAuthorizedOperations(true)).allTopicNames().get();
        Checks.expect(topics.keySet().equals(all), "listed " + all + ", described " + topics.keySet());
        for (TopicDescription topic : topics.values()) {
            Checks.expect(!topic.authorizedOperations().isEmpty(), "no authorized operations: " + topic);
            for (TopicPartitionInfo partition : topic.partitions()) {
                Checks.expect(nodes.contains(partition.leader()) && partition.isr().contains(partition.leader()), "no leader: " + topic);
            }
        }
        List<TopicPartitionReplica> replicas = partitions().stream()
            .map(part -> new TopicPartitionReplica(part.topic(), part.partition(), nodes.iterator().next().id())).collect(Collectors.toList());
        var placed = admin.describeReplicaLogDirs(replicas).all().get();
        Checks.expect(placed.values().stream().allMatch(place -> place.getCurrentReplicaLogDir() != null), "no folder: " + placed);
        return topics.size() + " topics";
    }

    private Object topicConfigs() throws Exception {
        var found = configs(ConfigResource.Type.TOPIC, topics.keySet());
        Config offsets = found.get(new ConfigResource(ConfigResource.Type.TOPIC, "__consumer_offsets"));
        Checks.expect(offsets.get("cleanup.policy").value().equals("compact"), "offsets are not compacted: " + offsets);
        return found.size() + " topics";
    }

    private Set<TopicPartition> partitions() {
        return topics.values().stream().flatMap(topic -> topic.partitions().stream()
            .map(partition -> new TopicPartition(topic.name(), partition.partition()))).collect(Collectors.toSet());
    }

    private Map<String, GroupListing> listed(ListGroupsOptions options) throws Exception {
        return admin.listGroups(options).all().get().stream().collect(Collectors.toMap(GroupListing::groupId, listing -> listing));
    }

    private Object listedGroups() throws Exception {
        Map<String, GroupListing> all = listed(new ListGroupsOptions());
        for (var group : groups.entrySet()) {
            GroupListing listing = all.get(group.getKey());
            Checks.expect(listing != null && listing.type().equals(Optional.of(group.getValue()))
                && listing.protocol().equals("consumer") && listing.groupState().isPresent(), group + " is listed as " + listing);
        }
        Set<String> stable = listed(new ListGroupsOptions().inGroupStates(Set.of(GroupState.STABLE))).keySet();
        Checks.expect(stable.containsAll(groups.keySet()), "stable are only " + stable);
        Set<String> empty = listed(new ListGroupsOptions().inGroupStates(Set.of(GroupState.EMPTY, GroupState.DEAD))).keySet();
        Checks.expect(groups.keySet().stream().noneMatch(empty::contains), "empty are also " + empty);
        for (GroupType type : Set.of(GroupType.CLASSIC, GroupType.CONSUMER)) {
            Set<String> typed = listed(new ListGroupsOptions().withTypes(Set.of(type))).keySet();
            groups.forEach((group, own) -> Checks.expect(typed.contains(group) == (own == type), type + " are " + typed));
        }
        Set<String> readers = listed(ListGroupsOptions.forConsumerGroups()).keySet();
        Checks.expect(readers.containsAll(groups.keySet()), "consumer groups are only " + readers);
        Checks.expect(listed(ListGroupsOptions.forShareGroups()).isEmpty(), "there are share groups");
        return all.size() + " groups";
    }

    private Object describedGroups() throws Exception {
        var options = new DescribeConsumerGroupsOptions().includeAuthorizedOperations(true);
        var found = admin.describeConsumerGroups(groups.keySet(), options).all().get();
        for (ConsumerGroupDescription group : found.values()) {
            Checks.expect(group.type() == groups.get(group.groupId()) && group.groupState() == GroupState.STABLE
                && nodes.contains(group.coordinator()) && !group.authorizedOperations().isEmpty()
                && !group.partitionAssignor().isEmpty() && group.groupEpoch().isPresent() == (group.type() == GroupType.CONSUMER),
                "half told: " + group);
            Set<TopicPartition> owned = new HashSet<>();
            for (var member : group.members()) {
                Checks.expect(!member.consumerId().isEmpty() && !member.clientId().isEmpty() && !member.host().isEmpty(), "half told: " + member);
                for (TopicPartition partition : member.assignment().topicPartitions()) {
                    Checks.expect(owned.add(partition), partition + " is owned twice: " + group);
                }
            }
            Checks.expect(!owned.isEmpty(), "nobody owns anything: " + group);
        }
        return found.size() + " groups";
    }

    private Object classicGroups() throws Exception {
        Set<String> classic = groups.keySet().stream().filter(group -> groups.get(group) == GroupType.CLASSIC).collect(Collectors.toSet());
        var found = admin.describeClassicGroups(classic).all().get();
        found.values().forEach(group -> Checks.expect(group.state().toString().equals("Stable") && !group.members().isEmpty()
            && group.protocol().equals("consumer") && !group.protocolData().isEmpty(), "half told: " + group));
        return found.keySet().size() + " groups";
    }

    private Object committedOffsets() throws Exception {
        Map<String, ListConsumerGroupOffsetsSpec> asked = new HashMap<>();
        groups.keySet().forEach(group -> asked.put(group, new ListConsumerGroupOffsetsSpec()));
        committed = admin.listConsumerGroupOffsets(asked, new ListConsumerGroupOffsetsOptions().requireStable(true)).all().get();
        Checks.expect(committed.values().stream().noneMatch(Map::isEmpty), "a group has committed nothing: " + committed);
        return committed.values().stream().mapToInt(Map::size).sum() + " offsets";
    }

    private Map<TopicPartition, ListOffsetsResultInfo> offsets(OffsetSpec which) throws Exception {
        return admin.listOffsets(partitions().stream().collect(Collectors.toMap(part -> part, part -> which))).all().get();
    }

    private Object lags() throws Exception {
        var first = offsets(OffsetSpec.earliest());
        offsets(OffsetSpec.maxTimestamp());
        var last = offsets(OffsetSpec.latest());
        long lag = 0;
        for (var group : committed.values()) {
            for (var one : group.entrySet()) {
                long at = one.getValue().offset();
                Checks.expect(first.get(one.getKey()).offset() <= at && at <= last.get(one.getKey()).offset(), "committed outside of the log: " + one);
                lag += last.get(one.getKey()).offset() - at;
            }
        }
        return lag + " records";
    }

    private Object producers() throws Exception {
        var producers = admin.describeProducers(partitions()).all().get();
        Checks.expect(producers.keySet().equals(partitions()), "producers of " + producers.keySet());
        Checks.expect(producers.values().stream().anyMatch(state -> !state.activeProducers().isEmpty()), "nobody writes");
        return producers.size() + " partitions";
    }

    private Object leaders() throws Exception {
        var outcomes = admin.electLeaders(ElectionType.PREFERRED, partitions()).partitions().get();
        outcomes.forEach((partition, error) -> Checks.expect(
            error.isEmpty() || error.get().getClass().getSimpleName().equals("ElectionNotNeededException"), partition + ": " + error));
        return outcomes.size() + " partitions";
    }

    private Object topicChanges() throws Exception {
        String name = "web-" + System.nanoTime();
        admin.createTopics(List.of(new NewTopic(name, 1, (short) 1))).all().get();
        var resource = new ConfigResource(ConfigResource.Type.TOPIC, name);
        admin.incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "60000"), OpType.SET)))).all().get();
        Checks.eventually("60000", () -> configs(ConfigResource.Type.TOPIC, Set.of(name)).get(resource).get("retention.ms").value());
        admin.createPartitions(Map.of(name, NewPartitions.increaseTo(3))).all().get();
        Checks.eventually(3, () -> admin.describeTopics(List.of(name)).allTopicNames().get().get(name).partitions().size());
        admin.deleteRecords(Map.of(new TopicPartition(name, 0), RecordsToDelete.beforeOffset(-1))).all().get();
        admin.deleteTopics(List.of(name)).all().get();
        Checks.eventually(false, () -> admin.listTopics().names().get().contains(name));
        return name;
    }

    private Object protectedGroups() throws Exception {
        for (String group : groups.keySet()) {
            Set<TopicPartition> read = committed.get(group).keySet();
            Map<TopicPartition, OffsetAndMetadata> back = read.stream().collect(Collectors.toMap(part -> part, part -> new OffsetAndMetadata(0)));
            refused("GroupNotEmptyException", () -> admin.deleteConsumerGroups(List.of(group)).all().get());
            refused("UnknownMemberIdException", () -> admin.alterConsumerGroupOffsets(group, back).all().get());
            refused("GroupSubscribedToTopicException", () -> admin.deleteConsumerGroupOffsets(group, read).all().get());
        }
        return groups.size() + " groups";
    }


    /** Run a check of a call that the server may leave out as a whole. */
    private void whereAnnounced(String name, Checks.Body body) {
        checks.run(name, () -> {
            try {
                return body.run();
            } catch (ExecutionException failure) {
                if (failure.getCause() instanceof UnsupportedVersionException) {
                    return "not announced";
                }
                throw failure;
            }
        });
    }

    /** A call that must fail with this error; one that is not announced fails as such. */
    private static Object refused(String error, Checks.Body ask) throws Exception {
        Object answer;
        try {
            answer = ask.run();
        } catch (ExecutionException failure) {
            if (failure.getCause() instanceof UnsupportedVersionException) {
                throw failure;
            }
            Checks.expect(failure.getCause().getClass().getSimpleName().equals(error), "expected " + error + ", got " + failure.getCause());
            return error;
        }
        throw new AssertionError("expected " + error + ", got " + answer);
    }
}
