/** Which calls of Redpanda Connect to its plugins are not answered: by Connect's metrics, and by the log of the supervisors. */
import type { ConnectProcess, PluginName } from './connect-process.ts';

/** Batches at each plugin, as of Connect's metrics. Zero while Connect doesn't answer. */
export async function callsInFlight(address: string): Promise<Readonly<Record<PluginName, number>>> {
  const text = await fetch(`http://${address}/metrics`).then(
    (answer) => answer.text(),
    () => '',
  );
  const figure = (name: string, label: string) =>
    Number(new RegExp(`^${name}\\{label="${label}",.*\\} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
  const processed = figure('processor_batch_sent', 'group_dicom_state');
  return {
    group_dicom_state: figure('processor_batch_received', 'group_dicom_state') - processed,
    // Every batch of the processor is sent to it, and counts when it is stored.
    dicom_store: processed - figure('output_batch_sent', 'postgres'),
  };
}

/** The number of unanswered batches of each worker that has ended, the first one first. */
export function callsOfEndedWorkers(running: ConnectProcess): readonly number[] {
  return running.logLines().flatMap(({ msg }) => {
    // Connect logs what a plugin prints as the message of a line.
    const line = typeof msg === 'string' && msg.includes('the plugin process ended') ? JSON.parse(msg) : {};
    return typeof line.calls === 'number' ? [line.calls] : [];
  });
}
