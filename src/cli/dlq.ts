import { Command } from 'commander';
import { listCommand } from './dlq/list.ts';
import { redriveCommand } from './dlq/redrive.ts';
import { showCommand } from './dlq/show.ts';

/** `dlq list|show|redrive`: shows dead letters and sends them back. The service may run meanwhile. */
export function dlqCommand(): Command {
  return new Command('dlq')
    .description('Show dead letters and send them back')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(redriveCommand());
}
