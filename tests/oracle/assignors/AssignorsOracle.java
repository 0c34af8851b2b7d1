import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.GroupSubscription;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.clients.consumer.StickyAssignor;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.coordinator.group.api.assignor.ConsumerGroupPartitionAssignor;
import org.apache.kafka.coordinator.group.api.assignor.GroupAssignment;
import org.apache.kafka.coordinator.group.api.assignor.SubscribedTopicDescriber;
import org.apache.kafka.coordinator.group.api.assignor.SubscriptionType;
import org.apache.kafka.coordinator.group.assignor.RangeAssignor;
import org.apache.kafka.coordinator.group.assignor.UniformAssignor;
import org.apache.kafka.coordinator.group.modern.Assignment;
import org.apache.kafka.coordinator.group.modern.GroupSpecImpl;
import org.apache.kafka.coordinator.group.modern.MemberSubscriptionAndAssignmentImpl;

/**
 * Kafka's own assignors. A question names one of them and describes a group: topics with the racks of their partitions, and
 * members with what they subscribe to and own; the answer is what each member gets.
 */
public final class AssignorsOracle {
    private static final class Topic {
        String name;
        List<List<String>> racks = new ArrayList<>();
        Uuid id;
    }

    private static final class Member {
        String id;
        Optional<String> instance, rack;
        int generation;
        List<Integer> topics = new ArrayList<>();
        Map<Integer, Set<Integer>> owned = new TreeMap<>();
    }

    private final List<Topic> topics = new ArrayList<>();
    private final List<Member> members = new ArrayList<>();

    public static void main(String[] arguments) throws Exception {
        Questions.answerAll(AssignorsOracle::answer);
    }

    private static void answer(ByteBuffer question, DataOutputStream to) throws IOException {
        String name = text(question);
        AssignorsOracle group = new AssignorsOracle(question);
        switch (name) {
            case "client range": group.lead(new org.apache.kafka.clients.consumer.RangeAssignor(), to); break;
            case "client roundrobin": group.lead(new RoundRobinAssignor(), to); break;
            case "client sticky": group.lead(new StickyAssignor(), to); break;
            case "client cooperative-sticky": group.lead(new CooperativeStickyAssignor(), to); break;
            case "server range": group.coordinate(new RangeAssignor(), to); break;
            case "server uniform": group.coordinate(new UniformAssignor(), to); break;
            default: throw new IllegalArgumentException(name);
        }
    }

    private AssignorsOracle(ByteBuffer from) {
        for (int left = from.getInt(); left > 0; left--) {
            Topic topic = new Topic();
            topic.name = text(from);
            topic.id = new Uuid(1, topics.size() + 1);
            for (int partitions = from.getInt(); partitions > 0; partitions--)
                topic.racks.add(texts(from));
            topics.add(topic);
        }
        for (int left = from.getInt(); left > 0; left--) {
            Member member = new Member();
            member.id = text(from);
            member.instance = texts(from).stream().findFirst();
            member.rack = texts(from).stream().findFirst();
            member.generation = from.getInt();
            for (int wishes = from.getInt(); wishes > 0; wishes--)
                member.topics.add(from.getInt());
            for (int owned = from.getInt(); owned > 0; owned--)
                member.owned.computeIfAbsent(from.getInt(), topic -> new TreeSet<>()).add(from.getInt());
            members.add(member);
        }
    }

    /** As the leader of a classic group. */
    private void lead(ConsumerPartitionAssignor assignor, DataOutputStream to) throws IOException {
        Map<String, Node> nodes = new HashMap<>();
        List<PartitionInfo> partitions = new ArrayList<>();
        for (Topic topic : topics) {
            for (int partition = 0; partition < topic.racks.size(); partition++) {
                Node[] replicas = topic.racks.get(partition).stream()
                    .map(rack -> nodes.computeIfAbsent(rack, name -> new Node(nodes.size(), "host", 9092, name)))
                    .toArray(Node[]::new);
                partitions.add(new PartitionInfo(topic.name, partition, Node.noNode(), replicas, replicas));
            }
        }
        Map<String, Subscription> subscriptions = new LinkedHashMap<>();
        for (Member member : members) {
            List<String> names = new ArrayList<>();
            member.topics.forEach(topic -> names.add(topics.get(topic).name));
            List<TopicPartition> owned = new ArrayList<>();
            member.owned.forEach((topic, list) ->
                list.forEach(partition -> owned.add(new TopicPartition(topics.get(topic).name, partition))));
            ByteBuffer userData = assignor instanceof StickyAssignor ? stickyUserData(member) : null;
            Subscription subscription = new Subscription(names, userData, owned, member.generation, member.rack);
            subscription.setGroupInstanceId(member.instance);
            subscriptions.put(member.id, subscription);
        }
        Cluster cluster = new Cluster("cluster", nodes.values(), partitions, Set.of(), Set.of());
        var given = assignor.assign(cluster, new GroupSubscription(subscriptions)).groupAssignment();
        Map<String, Integer> numbers = new HashMap<>();
        topics.forEach(topic -> numbers.put(topic.name, numbers.size()));
        for (Member member : members) {
            List<TopicPartition> own = given.get(member.id).partitions();
            to.writeInt(own.size());
            for (TopicPartition partition : own) {
                to.writeInt(numbers.get(partition.topic()));
                to.writeInt(partition.partition());
            }
        }
    }

    /** Version 1 of what the sticky assignor tells itself. */
    private ByteBuffer stickyUserData(Member member) {
        ByteBuffer data = ByteBuffer.allocate(1 << 20);
        data.putInt(member.owned.size());
        member.owned.forEach((topic, partitions) -> {
            byte[] name = topics.get(topic).name.getBytes(StandardCharsets.UTF_8);
            data.putShort((short) name.length).put(name).putInt(partitions.size());
            partitions.forEach(data::putInt);
        });
        return data.putInt(member.generation).flip();
    }

    /** As the coordinator of a consumer group. */
    private void coordinate(ConsumerGroupPartitionAssignor assignor, DataOutputStream to) throws IOException {
        Map<String, MemberSubscriptionAndAssignmentImpl> subscriptions = new LinkedHashMap<>();
        Map<Uuid, Map<Integer, String>> owners = new HashMap<>();
        for (Member member : members) {
            Set<Uuid> ids = new LinkedHashSet<>();
            member.topics.forEach(topic -> ids.add(topics.get(topic).id));
            Map<Uuid, Set<Integer>> owned = new LinkedHashMap<>();
            member.owned.forEach((topic, partitions) -> {
                owned.put(topics.get(topic).id, partitions);
                for (int partition : partitions)
                    owners.computeIfAbsent(topics.get(topic).id, id -> new HashMap<>()).put(partition, member.id);
            });
            subscriptions.put(member.id,
                new MemberSubscriptionAndAssignmentImpl(member.rack, member.instance, ids, new Assignment(owned)));
        }
        boolean isHomogeneous = members.stream().map(member -> new TreeSet<>(member.topics)).distinct().count() <= 1;
        GroupAssignment given = assignor.assign(
            new GroupSpecImpl(subscriptions, isHomogeneous ? SubscriptionType.HOMOGENEOUS : SubscriptionType.HETEROGENEOUS, owners),
            new Describer());
        for (Member member : members) {
            var own = given.members().get(member.id);
            Map<Uuid, Set<Integer>> partitions = own == null ? Map.of() : own.partitions();
            to.writeInt(partitions.values().stream().mapToInt(Set::size).sum());
            for (int topic = 0; topic < topics.size(); topic++) {
                for (int partition : partitions.getOrDefault(topics.get(topic).id, Set.of())) {
                    to.writeInt(topic);
                    to.writeInt(partition);
                }
            }
        }
    }

    private final class Describer implements SubscribedTopicDescriber {
        private Optional<Topic> topic(Uuid id) {
            return topics.stream().filter(topic -> topic.id.equals(id)).findFirst();
        }

        @Override
        public int numPartitions(Uuid id) {
            return topic(id).map(topic -> topic.racks.size()).orElse(-1);
        }

        @Override
        public Set<String> racksForPartition(Uuid id, int partition) {
            return topic(id).map(topic -> Set.copyOf(topic.racks.get(partition))).orElse(Set.of());
        }
    }

    private static String text(ByteBuffer from) {
        return StandardCharsets.UTF_8.decode(Questions.take(from)).toString();
    }

    private static List<String> texts(ByteBuffer from) {
        List<String> texts = new ArrayList<>();
        for (int left = from.getInt(); left > 0; left--)
            texts.add(text(from));
        return texts;
    }
}
