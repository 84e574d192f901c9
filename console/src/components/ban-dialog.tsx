// Refusing an address for a while.
import { useState } from 'react';
import { call } from '../api.ts';
import { ActDialog, Choice, Field } from './forms.tsx';

const times: readonly (readonly [string, string])[] = [
  ['900000', '15 minutes'],
  ['3600000', 'an hour'],
  ['86400000', 'a day'],
  ['604800000', 'a week'],
];

export function BanDialog({
  address = '',
  onClose,
  onDone,
}: {
  readonly address?: string;
  readonly onClose: () => void;
  readonly onDone: (block: string) => void;
}) {
  const [block, setBlock] = useState(address);
  const [reason, setReason] = useState('');
  const [forMs, setForMs] = useState('3600000');
  return (
    <ActDialog
      title={address === '' ? 'Ban an address' : `Ban ${address}`}
      isOpen
      kind="danger"
      act="Ban"
      isReady={block !== ''}
      onClose={onClose}
      onAct={async () => {
        const { data } = await call('addBan', {
          body: { block: block.trim(), reason, forMs: Number(forMs) },
        });
        onDone(data.block);
      }}
    >
      {address === '' && (
        <Field
          label="Address or block"
          value={block}
          onChange={setBlock}
          isRequired
          autoFocus
          placeholder="192.0.2.66 or 192.0.2.0/24"
          hint="Of IPv6, an address stands for its /64."
        />
      )}
      <Choice label="For" value={forMs} onChange={setForMs} options={times} />
      <Field
        label="Reason"
        value={reason}
        onChange={setReason}
        placeholder="tries keys of others"
        hint="For colleagues and the audit trail."
      />
      <p className="small soft">
        Every gate refuses it within a second. It ends by itself, and can be taken back under Limits.
      </p>
    </ActDialog>
  );
}
