// The command palette: pages, and a search of requests, callers and keys for whatever is typed.
import { useState } from 'react';
import {
  Autocomplete,
  Dialog,
  Input,
  Menu,
  MenuItem,
  Modal,
  ModalOverlay,
  SearchField,
} from 'react-aria-components';
import type { PageEntry } from './app.tsx';
import { Icon, type IconName } from './components/icons.tsx';
import { navigate } from './router.ts';
import { useSession } from './session.tsx';

interface Entry {
  readonly id: string;
  readonly text: string;
  readonly icon: IconName;
  run(): void;
}

export function Palette({
  isOpen,
  onClose,
  pages,
}: {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly pages: readonly PageEntry[];
}) {
  const [text, setText] = useState('');
  const { may } = useSession();
  const wanted = text.trim();
  const isId = /^[0-9a-f]{32}$/.test(wanted);
  const entries: Entry[] = pages
    .filter(({ title }) => title.toLowerCase().includes(wanted.toLowerCase()))
    .map(({ id, title, icon }) => ({ id, text: title, icon, run: () => navigate(id) }));
  const add = (id: string, label: string, icon: IconName, run: () => void, isShown: boolean): void => {
    if (isShown) entries.push({ id, text: label, icon, run });
  };
  add(
    'explain',
    `Explain request ${wanted}`,
    'requests',
    () => navigate(`requests/${wanted}`),
    isId && may('requests:read'),
  );
  add(
    'find',
    `Requests with “${wanted}”`,
    'search',
    () => navigate('requests', { text: wanted }),
    wanted !== '' && !isId && may('requests:read'),
  );
  add(
    'who',
    `Identities named “${wanted}”`,
    'identities',
    () => navigate('identities', { text: wanted }),
    wanted !== '' && may('identities:read'),
  );
  add(
    'key',
    `Keys named “${wanted}”`,
    'keys',
    () => navigate('keys', { text: wanted }),
    wanted !== '' && may('keys:read'),
  );
  add(
    'refused',
    'Requests that were refused',
    'requests',
    () => navigate('requests', { decision: 'refused' }),
    wanted === '' && may('requests:read'),
  );
  add(
    'issue',
    'Issue a key',
    'plus',
    () => navigate('keys', { new: '1' }),
    'issue a key'.includes(wanted.toLowerCase()) && may('keys:write'),
  );
  const close = (): void => {
    setText('');
    onClose();
  };
  return (
    <ModalOverlay className="overlay" isOpen={isOpen} onOpenChange={(open) => !open && close()} isDismissable>
      <Modal className="dialog">
        <Dialog aria-label="Commands" className="palette">
          <Autocomplete inputValue={text} onInputChange={setText}>
            <SearchField aria-label="Search or go to" autoFocus>
              <Input placeholder="Search or go to…" />
            </SearchField>
            <Menu
              className="palette-list"
              aria-label="Commands"
              items={entries}
              onAction={(key) => {
                const entry = entries.find(({ id }) => id === key);
                close();
                entry?.run();
              }}
            >
              {(entry: Entry) => (
                <MenuItem id={entry.id} textValue={entry.text} className="palette-item">
                  <Icon name={entry.icon} />
                  <span className="ellipsis">{entry.text}</span>
                </MenuItem>
              )}
            </Menu>
          </Autocomplete>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
