import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import org.apache.doris.flink.cfg.DorisExecutionOptions;
import org.apache.doris.flink.cfg.DorisOptions;
import org.apache.doris.flink.cfg.DorisReadOptions;
import org.apache.doris.flink.sink.DorisSink;
import org.apache.doris.flink.sink.writer.serializer.SimpleStringSerializer;
import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Loads a file of JSON lines with Flink's Doris connector: FE user password table file batch|two_phase. */
public class FlinkDorisClient {
  public static void main(String[] args) throws Exception {
    boolean batch = args[5].equals("batch");
    StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
    env.setParallelism(1);
    env.setRuntimeMode(RuntimeExecutionMode.BATCH);
    Properties properties = new Properties();
    properties.setProperty("format", "json");
    properties.setProperty("read_json_by_line", "true");
    properties.setProperty("strict_mode", "true");
    DorisExecutionOptions.Builder execution = DorisExecutionOptions.builder()
        .setLabelPrefix("flink" + System.nanoTime()).setDeletable(false).setStreamLoadProp(properties);
    // The connector turns two phases off for tables with unique keys unless it is told twice.
    if (!batch) execution.enable2PC();
    if (batch) execution.setBatchMode(true).setBufferFlushMaxRows(50000).setBufferFlushIntervalMs(1000);
    DorisOptions options = DorisOptions.builder().setFenodes(args[0]).setUsername(args[1]).setPassword(args[2])
        .setTableIdentifier(args[3]).build();
    env.fromCollection(Files.readAllLines(Path.of(args[4]))).sinkTo(DorisSink.<String>builder()
        .setDorisReadOptions(DorisReadOptions.builder().build()).setDorisExecutionOptions(execution.build())
        .setSerializer(new SimpleStringSerializer()).setDorisOptions(options).build());
    env.execute("doris");
  }
}
