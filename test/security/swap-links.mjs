// Turns the directory DIR into a link to OUTSIDE and back, and the file DIR/a.dcm into a link to OUTSIDE's file, as fast as it can,
// until it is killed: the other side of a race.
import fs from 'node:fs';

const [directory, outside] = process.argv.slice(2);
const file = `${directory}/a.dcm`;
const aside = `${directory}-aside`;
process.stdout.write('swapping\n');
for (;;) {
  fs.renameSync(file, `${directory}/aside`);
  fs.symlinkSync(`${outside}/secret.dcm`, file);
  fs.unlinkSync(file);
  fs.renameSync(`${directory}/aside`, file);
  fs.renameSync(directory, aside);
  fs.symlinkSync(outside, directory);
  fs.unlinkSync(directory);
  fs.renameSync(aside, directory);
}
